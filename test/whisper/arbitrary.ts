import fc from 'fast-check';
import { AGGREGATION_METHODS } from '../../lib/whisper/aggregation.ts';
import type { ArchiveSpec } from '../../lib/whisper/schema.ts';
import type { OracleSchema } from '../oracle/oracle.ts';

/** The most slots of the finest archive by which a random point may lie in the future. */
export const FUTURE_SLOTS = 3;

/**
 * Random lists of one to three archives that Whisper takes. Each reaches so much further back than the finer one that
 * points up to `FUTURE_SLOTS` ahead cannot push an old point out of a coarser ring: which of them Whisper would write
 * last is up to the order of a Python set.
 */
export const archives: fc.Arbitrary<ArchiveSpec[]> = fc
  .record({
    step: fc.constantFrom(1, 2, 5, 10, 60),
    points: fc.integer({ min: 6, max: 24 }),
    coarser: fc.array(fc.record({ ratio: fc.integer({ min: 2, max: 6 }), extra: fc.integer({ min: 0, max: 8 }) }), {
      maxLength: 2,
    }),
  })
  .map(({ step, points, coarser }) => {
    let last: ArchiveSpec = { secondsPerPoint: step, points };
    const list = [last];
    for (const { ratio, extra } of coarser) {
      const secondsPerPoint = last.secondsPerPoint * ratio;
      const reach = last.secondsPerPoint * last.points + (FUTURE_SLOTS + 1) * step + secondsPerPoint;
      last = { secondsPerPoint, points: Math.max(6, Math.ceil(reach / secondsPerPoint) + 1 + extra) };
      list.push(last);
    }
    return list;
  });

/** Random schemas, including xFilesFactors that float32 rounds. */
export const schema: fc.Arbitrary<OracleSchema> = fc.record({
  archives,
  aggregation: fc.constantFrom(...AGGREGATION_METHODS),
  xFilesFactor: fc.oneof(
    fc.constantFrom(0, 1 / 3, 0.5, 2 / 3, 0.2, 0.3, 0.4, 1),
    fc.double({ min: 0, max: 1, noNaN: true }),
  ),
});

/** Random values, those that Whisper and JavaScript might treat unlike among them. */
export const value: fc.Arbitrary<number> = fc.oneof(
  { weight: 6, arbitrary: fc.double({ noNaN: true, min: -1e6, max: 1e6 }) },
  { weight: 3, arbitrary: fc.integer({ min: -3, max: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom(-0, Number.NaN, Infinity, -Infinity, 1e308, 5e-324) },
);

/** Random times of the test's clock. */
export const now: fc.Arbitrary<number> = fc.integer({ min: 1_000_000_000, max: 4_000_000_000 });

/** How far the coarsest archive reaches back, in seconds. */
export function reachOf(list: readonly ArchiveSpec[]): number {
  return Math.max(...list.map((archive) => archive.secondsPerPoint * archive.points));
}
