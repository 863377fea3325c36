import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe } from 'node:test';
import { planFill } from '../../lib/whisper/fill.ts';
import { parseHeader, sizeOf } from '../../lib/whisper/header.ts';
import { whisperInfo } from '../../lib/whisper/info.ts';
import { exitCodeOfSummary, exitCodes } from '../../scripts/cli/run/exit-code.ts';
import { Bucket, daysAgo, NOW } from '../fixtures/bucket.ts';
import { metricFile } from '../fixtures/metric.ts';
import { codesOf, restoreTree, verifyAll } from '../fixtures/operations.ts';
import { casesOf } from '../fixtures/reliability.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { readTree } from '../fixtures/tree.ts';
import { applyFill } from '../whisper/apply-fill.ts';
import { fetchPoints } from '../whisper/fetch.ts';
import { within } from './deadline.ts';
import { inMemory } from './memory.ts';

const it = casesOf('hostile');

const MIB = 2 ** 20;
const UINT32_MAX = 2 ** 32 - 1;
const now = NOW.getTime() / 1000;

/**
 * A file with these numbers, valid or not.
 *
 * @param archives offset (by default behind the one before), step, points.
 */
function crafted(
  archives: readonly { readonly offset?: number; readonly step: number; readonly points: number }[],
  { count = archives.length, size }: { readonly count?: number; readonly size?: number } = {},
): Uint8Array {
  let end = 16 + 12 * archives.length;
  const all = archives.map(({ offset = end, step, points }) => {
    end = offset + 12 * points;
    return { offset, step, points };
  });
  const bytes = new Uint8Array(size ?? end);
  const view = new DataView(bytes.buffer);
  const retention = Math.max(...all.map(({ step, points }) => step * points));
  for (const [i, number] of [1, Math.min(retention, UINT32_MAX), 0, count].entries()) view.setUint32(4 * i, number);
  for (const [i, { offset, step, points }] of all.entries()) {
    for (const [k, number] of [offset, step, points].entries()) view.setUint32(16 + 12 * i + 4 * k, number);
  }
  return bytes;
}

/** Puts the newest point of an archive into its slot 0. */
function withPoint(bytes: Uint8Array, archive: number): Uint8Array {
  const { offset = 0, secondsPerPoint = 1 } = parseHeader(bytes).archives[archive] ?? {};
  const view = new DataView(bytes.buffer, offset);
  view.setUint32(0, now - (now % secondsPerPoint));
  view.setFloat64(4, 42);
  return bytes;
}

const liars: Readonly<Record<string, Uint8Array>> = {
  'of 4 billion points': crafted([{ step: 1, points: UINT32_MAX }], { size: 4096 }),
  'of 4 billion archives': crafted([{ step: 1, points: 10 }], { count: UINT32_MAX }),
  'of more archives than anybody has': crafted(Array.from({ length: 2000 }, (_, i) => ({ step: i + 1, points: 1 }))),
  'of an archive behind the end': crafted([{ step: 1, points: 10, offset: 4_000_000_000 }], { size: 4096 }),
  'of an archive inside the header': crafted([{ step: 1, points: 10, offset: 0 }], { size: 148 }),
  'of steps of nothing': crafted([{ step: 0, points: 10 }]),
};

describe('a header', () => {
  for (const [what, bytes] of Object.entries(liars)) {
    it(`${what} is rejected by every reader, without allocating memory for it`, () =>
      inMemory(64 * MIB, () => {
        const damaged = { code: 'WHISPER_DAMAGED' };
        assert.throws(() => parseHeader(bytes), damaged);
        assert.throws(() => whisperInfo(bytes), damaged);
        assert.throws(() => fetchPoints(bytes, { from: 0, now }), damaged);
        assert.throws(() => planFill({ local: metricFile(), source: bytes, now }), damaged);
        assert.throws(() => planFill({ local: bytes, source: metricFile(), now }), damaged);
        assert.doesNotThrow(() => sizeOf(bytes));
      }));
  }

  it('with wrong sizes is neither restored nor filled, and is found by verify', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const names = Object.keys(liars).map((_, i) => `liar${i}`);
    for (const [i, bytes] of Object.values(liars).entries()) await bucket.backup(`liar${i}`, daysAgo(1), bytes);
    await scratch.directory('tree');
    await writeFile(scratch.at('tree', 'liar0.wsp'), metricFile());
    const restored = await inMemory(128 * MIB, () =>
      restoreTree(bucket.store, scratch.at('tree'), { now: bucket.now }),
    );
    assert.equal(restored.counts['failed'], names.length);
    for (const { code } of restored.failed) assert.match(code, /^(WHISPER_DAMAGED|COMPRESSION_TOO_LARGE)$/);
    assert.equal(exitCodeOfSummary(restored), exitCodes.someFailed);
    assert.deepEqual(await readTree(scratch.at('tree')), new Map([['liar0.wsp', metricFile()]]));
    const verified = await verifyAll(bucket.store, { readData: true, now: bucket.now });
    assert.deepEqual(Object.keys(codesOf([...(verified.damaged ?? []), ...verified.failed])).sort(), names);
  });
});

describe('a small file whose header requires billions of slots', () => {
  const steps = [
    { step: 1, points: 2 },
    { step: 1_000_000_000, points: 1 },
  ];
  const empty = crafted(steps);
  const known = withPoint(crafted(steps), 0);

  it('is filled quickly, by the same rules', () =>
    inMemory(64 * MIB, () =>
      within(5, () => {
        const local = empty.slice();
        const plan = planFill({ local, source: known, now });
        assert.equal(plan.filled, 2);
        applyFill(local, plan);
        assert.ok(planFill({ local, source: known, now }).writes.isEmpty);
      }),
    ));

  it('is also filled quickly by a restore', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('few', daysAgo(1), known);
    await scratch.directory('tree');
    await writeFile(scratch.at('tree', 'few.wsp'), empty);
    const run = () => restoreTree(bucket.store, scratch.at('tree'), { now: bucket.now });
    const summary = await inMemory(64 * MIB, () => within(10, run));
    assert.deepEqual([summary.counts['backfilled'], summary.counts['failed']], [1, 0]);
  });
});
