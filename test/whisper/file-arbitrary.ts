import fc from 'fast-check';
import { aggregationTypeOf } from '../../lib/whisper/aggregation.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { alignDown, Ring } from '../../lib/whisper/points.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { rawWhisper } from '../fixtures/odd-whisper.ts';
import type { OracleSchema } from '../oracle/oracle.ts';
import { now, reachOf, schema } from './arbitrary.ts';

/** A file to be filled, one to fill it from, and when. */
export interface FillCase {
  readonly local: Uint8Array;
  readonly source: Uint8Array;
  readonly now: number;
}

/**
 * Random files, as carbon would have written them until some time before the clock, and with points put into any
 * archive besides, so that archives contradict one another, hold stale points, points of the future, or begin empty.
 */
function file(about: OracleSchema, clock: number, value: fc.Arbitrary<number>): fc.Arbitrary<Uint8Array> {
  const reach = reachOf(about.archives);
  const step = about.archives[0]?.secondsPerPoint ?? 1;
  const history = fc.record({
    lag: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: reach })),
    slots: fc.array(fc.option(value, { freq: 2, nil: undefined }), { maxLength: 40 }),
  });
  const loose = fc.array(
    fc.record({ level: fc.nat({ max: about.archives.length - 1 }), ago: fc.integer({ min: -2, max: 60 }), value }),
    { maxLength: 30 },
  );
  return fc.record({ histories: fc.array(history, { maxLength: 3 }), loose }).map(({ histories, loose: points }) => {
    const bytes = made(about);
    for (const { lag, slots } of histories.toSorted((a, b) => b.lag - a.lag)) {
      const last = clock - lag;
      const series = slots.flatMap((slot, i) =>
        slot === undefined ? [] : [{ timestamp: last - i * step, value: slot }],
      );
      updateMany(bytes, series, { now: last });
    }
    const { archives } = parseHeader(bytes);
    for (const { level, ago, value: loosened } of points.toSorted((a, b) => b.ago - a.ago)) {
      const archive = archives[level];
      if (archive === undefined) continue;
      const { secondsPerPoint } = archive;
      new Ring(bytes, archive).put(alignDown(clock, secondsPerPoint) - ago * secondsPerPoint, loosened);
    }
    return bytes;
  });
}

/** Also of archives that `create` refuses. */
function made({ archives, aggregation, xFilesFactor }: OracleSchema): Uint8Array {
  return rawWhisper({
    archives: archives.map(({ secondsPerPoint, points }) => ({ step: secondsPerPoint, points })),
    method: aggregationTypeOf(aggregation),
    xFilesFactor,
  });
}

/** Random cases; half of them with two files of one schema. */
export function fillCase(
  value: fc.Arbitrary<number>,
  about: fc.Arbitrary<OracleSchema> = schema,
): fc.Arbitrary<FillCase> {
  return fc.record({ one: about, other: about, same: fc.boolean(), clock: now }).chain(({ one, other, same, clock }) =>
    fc.record({
      local: file(one, clock, value),
      source: file(same ? one : other, clock, value),
      now: fc.constant(clock),
    }),
  );
}

/**
 * What backfill is mostly for: a file was backed up, went lost, and carbon made a new one. Points are missing here and
 * there, and no two values are alike.
 */
export const lostAndMadeAnew: fc.Arbitrary<FillCase> = fc
  .record({ about: schema, clock: now, share: fc.double({ min: 0, max: 1, noNaN: true }), missing: fc.nat({ max: 3 }) })
  .chain(({ about, clock, share, missing }) => {
    const step = about.archives[0]?.secondsPerPoint ?? 1;
    const count = Math.ceil(reachOf(about.archives) / step);
    const known = fc.array(fc.nat({ max: 9 }), { minLength: count, maxLength: count });
    return known.map((dice) => {
      const series = dice.flatMap((die, i) =>
        die < missing ? [] : [{ timestamp: clock - (count - 1 - i) * step, value: Math.sqrt(i + 2) * 1000 }],
      );
      const lost = Math.floor(series.length * share);
      const [source, local] = [createWhisper(about.archives, about), createWhisper(about.archives, about)];
      for (const point of series.slice(0, lost)) updateMany(source, [point], { now: point.timestamp });
      for (const point of series.slice(lost)) updateMany(local, [point], { now: point.timestamp });
      return { local, source, now: clock };
    });
  });
