import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import type { Slot } from '../../lib/whisper/aggregation.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { planFill } from '../../lib/whisper/fill.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { Oracle } from '../oracle/oracle.ts';
import { applyFill } from './apply-fill.ts';
import { fetchPoints } from './fetch.ts';

/**
 * In the middle of a minute: on a whole one, whisper-fill writes what is as old as the retention over the newest slot.
 */
const NOW = 1_700_000_010;
const SLOTS = 40;

/** A file whose finest archive has these values, the last of them at the current time. */
function fileOf(values: readonly Slot[]): Uint8Array {
  const bytes = createWhisper([
    { secondsPerPoint: 60, points: SLOTS },
    { secondsPerPoint: 300, points: 24 },
  ]);
  const newest = NOW - (NOW % 60);
  const points = values.flatMap((value, i) =>
    value === undefined ? [] : [{ timestamp: newest - (values.length - 1 - i) * 60, value }],
  );
  updateMany(bytes, points, { now: NOW });
  return bytes;
}

function finest(bytes: Uint8Array): readonly Slot[] {
  return fetchPoints(bytes, { from: NOW - SLOTS * 60, now: NOW, archive: 60 })?.values ?? [];
}

describe("fill against graphite's whisper-fill", () => {
  const oracle = new Oracle();
  after(() => oracle.close());

  /** The newest slots of the finest archive, as each of both leaves them. */
  async function both(local: readonly Slot[], source: readonly Slot[]): Promise<{ ours: Slot[]; theirs: Slot[] }> {
    const files = { local: fileOf(local), source: fileOf(source), now: NOW };
    const theirs = finest(await oracle.fill(files));
    applyFill(files.local, planFill(files));
    return { ours: finest(files.local).slice(-local.length), theirs: theirs.slice(-local.length) };
  }

  /**
   * The same, with known points in all older slots: whisper-fill takes a gap at the far end of the finest archive for
   * one that a coarser value may be put into.
   */
  async function bothLate(local: readonly Slot[], source: readonly Slot[]): Promise<{ ours: Slot[]; theirs: Slot[] }> {
    const older = Array<number>(SLOTS - local.length).fill(1);
    const { ours, theirs } = await both([...older, ...local], [...older, ...source]);
    return { ours: ours.slice(-local.length), theirs: theirs.slice(-local.length) };
  }

  it('agrees in the finest archive if no value is 0, no gap is a single slot, and both files are consistent', async () => {
    const runs = fc.array(
      fc.record({ length: fc.integer({ min: 2, max: 9 }), inLocal: fc.boolean(), inSource: fc.boolean() }),
      { minLength: 1, maxLength: 12 },
    );
    let filled = 0;
    await fc.assert(
      fc.asyncProperty(runs, fc.double({ min: 1, max: 9, noNaN: true }), async (list, scale) => {
        const slots = list.flatMap((run) => Array<typeof run>(run.length).fill(run)).slice(-30);
        // The oldest run may have been cut to a single slot.
        const whole = slots[0] === slots[1] ? slots : slots.slice(1);
        const local = whole.map((run, i) => (run.inLocal ? scale * (i + 1) : undefined));
        const source = whole.map((run, i) => (run.inSource ? scale * (i + 1) : undefined));
        const { ours, theirs } = await bothLate(local, source);
        assert.deepEqual(ours, theirs);
        filled += ours.filter((slot, i) => slot !== local[i]).length;
      }),
      { numRuns: 150 },
    );
    assert.ok(filled > 100, 'the cases had gaps to fill');
  });

  it('keeps a run of zeros, which whisper-fill treats as a gap', async () => {
    const { ours, theirs } = await bothLate([1, 0, 0, 0, 1, 1], [1, 9, 9, 9, 1, 1]);
    assert.deepEqual(ours, [1, 0, 0, 0, 1, 1]);
    assert.deepEqual(theirs, [1, 9, 9, 9, 1, 1]);
  });

  it('fills a single missing point, which whisper-fill does not', async () => {
    const { ours, theirs } = await bothLate([1, undefined, 1, 1], [1, 9, 1, 1]);
    assert.deepEqual(ours, [1, 9, 1, 1]);
    assert.deepEqual(theirs, [1, undefined, 1, 1]);
  });

  it('keeps the first point after a gap, which whisper-fill overwrites', async () => {
    const { ours, theirs } = await bothLate([1, undefined, undefined, 1, 1], [9, 9, 9, 9, 9]);
    assert.deepEqual(ours, [1, 9, 9, 1, 1]);
    assert.deepEqual(theirs, [1, 9, 9, 9, 1]);
  });

  it('fills the newest slot, which whisper-fill does not if it alone is missing', async () => {
    const { ours, theirs } = await bothLate([1, 1, undefined], [9, 9, 9]);
    assert.deepEqual(ours, [1, 1, 9]);
    assert.deepEqual(theirs, [1, 1, undefined]);
  });
});
