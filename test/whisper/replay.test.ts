import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { createWhisper } from '../../lib/whisper/create.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { knownPoints } from '../../lib/whisper/info.ts';
import { alignDown, type Point, Ring } from '../../lib/whisper/points.ts';
import { replay } from '../../lib/whisper/replay.ts';
import { update } from '../../lib/whisper/update.ts';
import { seeded } from '../fixtures/seed.ts';
import { Oracle, type OracleSchema, type OracleStep } from '../oracle/oracle.ts';
import { now, schema, value } from './arbitrary.ts';

/** The newest slot of the finest archive. */
function markOf(bytes: Uint8Array): number | undefined {
  const [finest] = parseHeader(bytes).archives;
  return finest && knownPoints(bytes, finest).reduce((mark, point) => Math.max(mark, point.timestamp), 0);
}

/** With the same bits in every NaN: those of a sum of infinities are up to the processor. */
function withOneNaN(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const { offset, points } of parseHeader(bytes).archives)
    for (let at = offset + 4; at < offset + points * 12; at += 12)
      if (Number.isNaN(view.getFloat64(at))) view.setFloat64(at, Number.NaN);
  return bytes;
}

/** What a journal run reads: from each archive the slots from the mark on that are too old for the finer ones. */
function extract(bytes: Uint8Array, mark: number, until: number): Point[] {
  const { archives } = parseHeader(bytes);
  return archives
    .flatMap((archive, i) => {
      const reach = archives[i - 1]?.retention ?? -Infinity;
      const oldest = alignDown(mark, archive.secondsPerPoint);
      const ring = new Ring(bytes, archive);
      return knownPoints(bytes, archive).filter(
        ({ timestamp }) =>
          timestamp >= oldest &&
          until - timestamp > reach &&
          until - timestamp <= archive.retention &&
          ring.get(timestamp) !== undefined,
      );
    })
    .sort((a, b) => a.timestamp - b.timestamp);
}

interface Life {
  readonly about: OracleSchema;
  readonly backup: OracleStep[];
  /** The steps before each run, and when the run is. */
  readonly runs: { readonly steps: OracleStep[]; readonly until: number }[];
}

/** Points in order, written in batches of up to `most` at a time, with a run after every few batches. */
function life(most: number, isShort: boolean): fc.Arbitrary<Life> {
  const batch = (about: OracleSchema) => {
    const points = about.archives[0]?.points ?? 1;
    const ratio = (about.archives[1]?.secondsPerPoint ?? 0) / (about.archives[0]?.secondsPerPoint ?? 1);
    const size = Math.max(1, Math.min(most, Math.floor(points - ratio)));
    return fc.record({
      values: fc.array(fc.option(value, { freq: 4, nil: undefined }), { minLength: 1, maxLength: size }),
      pause: fc.oneof(
        { weight: 6, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: isShort ? 3 : 40 }) },
      ),
    });
  };
  return fc
    .record({ about: schema, start: now })
    .chain(({ about, start }) =>
      fc.record({
        about: fc.constant(about),
        start: fc.constant(start),
        before: fc.array(batch(about), { maxLength: 40, size: 'max' }),
        later: fc.array(batch(about), { minLength: 1, maxLength: 80, size: 'max' }),
        /** Batches between two runs. */
        rhythm: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 10, max: 40 })),
      }),
    )
    .map(({ about, start, before, later, rhythm }): Life => {
      const step = about.archives[0]?.secondsPerPoint ?? 1;
      const retention = step * (about.archives[0]?.points ?? 1);
      let slot = alignDown(start, step);
      const write = ({ values, pause }: { values: (number | undefined)[]; pause: number }): OracleStep[] => {
        slot += pause * step;
        const points = values.flatMap((value, i) =>
          value === undefined ? [] : [{ timestamp: slot + i * step, value }],
        );
        slot += values.length * step;
        const [point] = points;
        if (!point) return [];
        if (most === 1) return [{ op: 'update', ...point, now: slot }];
        return [{ op: 'update_many', points, now: slot }];
      };
      const backup = before.flatMap(write);
      const runs: { steps: OracleStep[]; until: number }[] = [];
      let steps: OracleStep[] = [];
      let last = slot;
      for (const [i, one] of later.entries()) {
        const needed = slot + (one.pause + one.values.length) * step - last;
        if (isShort && needed > retention && steps.length > 0) {
          runs.push({ steps, until: slot });
          steps = [];
          last = slot;
        }
        steps.push(...write(one));
        if (i % rhythm !== 0) continue;
        runs.push({ steps, until: slot });
        steps = [];
        last = slot;
      }
      runs.push({ steps, until: slot });
      return { about, backup, runs };
    });
}

describe('replay', () => {
  const oracle = new Oracle();
  after(() => oracle.close());

  /** Lets Python write, and replays what a journal reads. */
  async function relive({ about, backup, runs }: Life): Promise<{ live: Uint8Array; replayed: Uint8Array }> {
    let live = (await oracle.script(about, backup)).file;
    const replayed = Uint8Array.from(live);
    let mark = markOf(live) ?? 0;
    for (const { steps, until } of runs) {
      live = (await oracle.script({ file: live }, steps)).file;
      replay(replayed, extract(live, mark, until), { until });
      mark = Math.max(mark, markOf(live) ?? 0);
    }
    return { live, replayed };
  }

  it('leads to the bytes of the live file, but for those of NaN, if points were written one at a time', async () => {
    await fc.assert(
      fc.asyncProperty(life(1, true), async (about) => {
        const { live, replayed } = await relive(about);
        assert.deepEqual(withOneNaN(replayed), withOneNaN(live));
      }),
      seeded(300),
    );
  });

  it('aggregates a coarser slot before newer points replace its finer ones', () => {
    const archives = [
      { secondsPerPoint: 1, points: 10 },
      { secondsPerPoint: 5, points: 20 },
    ];
    const live = createWhisper(archives, { aggregation: 'sum', xFilesFactor: 0 });
    const start = 1_000_000_000;
    const write = (from: number, until: number) => {
      for (let i = from; i < until; i++) update(live, { timestamp: start + i, value: 1, now: start + i });
    };
    write(0, 3);
    const replayed = Uint8Array.from(live);
    const mark = start + 2;
    write(3, 11);
    replay(replayed, extract(live, mark, start + 10), { until: start + 10 });
    assert.deepEqual(replayed, live);
  });

  it('leads to the points of the live file if points were written in batches', async () => {
    await fc.assert(
      fc.asyncProperty(life(8, true), async (about) => {
        const { live, replayed } = await relive(about);
        for (const archive of parseHeader(live).archives)
          assert.deepEqual(knownPoints(replayed, archive), knownPoints(live, archive));
      }),
      seeded(300),
    );
  });

  it('leads to the points of the live file after gaps longer than the finest archive', async () => {
    await fc.assert(
      fc.asyncProperty(life(1, false), async (about) => {
        const { live, replayed } = await relive(about);
        const clock = about.runs.at(-1)?.until ?? 0;
        for (const archive of parseHeader(live).archives)
          assert.deepEqual(knownPoints(replayed, archive, { now: clock }), knownPoints(live, archive, { now: clock }));
      }),
      seeded(300),
    );
  });
});
