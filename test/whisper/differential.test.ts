import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { codeOf } from '../../lib/common/errors.ts';
import { AGGREGATION_METHODS, consolidate } from '../../lib/whisper/aggregation.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { knownPoints } from '../../lib/whisper/info.ts';
import { alignDown } from '../../lib/whisper/points.ts';
import { update, updateMany } from '../../lib/whisper/update.ts';
import { Oracle, type OracleResult, type OracleSchema, type OracleStep } from '../oracle/oracle.ts';
import { FUTURE_SLOTS, now, reachOf, schema, value } from './arbitrary.ts';
import { fetchPoints, type Series } from './fetch.ts';

const PYTHON_NAME: Readonly<Record<string, string>> = {
  WHISPER_NOT_COVERED: 'TimestampNotCovered',
  WHISPER_INVALID_INTERVAL: 'InvalidTimeInterval',
};

/** Does the same to our bytes as the oracle does to Python's. */
function perform(bytes: Uint8Array, step: OracleStep): OracleResult {
  try {
    if (step.op === 'update') update(bytes, step);
    if (step.op === 'update_many') updateMany(bytes, step.points, step);
    return { series: step.op === 'fetch' ? fetchPoints(bytes, step) : undefined };
  } catch (error) {
    return { error: PYTHON_NAME[codeOf(error)] ?? String(error) };
  }
}

/** Seconds before the clock, from a little in the future to beyond the longest retention. */
function age(about: OracleSchema): fc.Arbitrary<number> {
  const reach = reachOf(about.archives);
  const retentions = about.archives.map((archive) => archive.secondsPerPoint * archive.points);
  return fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 0, max: Math.ceil(reach * 1.2) }) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: retentions[0] ?? 1 }) },
    { weight: 1, arbitrary: fc.constantFrom(...retentions, ...retentions.map((retention) => retention + 1)) },
  );
}

/** Points one step apart but for a few, as carbon writes them. */
function denseRun(about: OracleSchema): fc.Arbitrary<{ ago: number; value: number }[]> {
  const step = about.archives[0]?.secondsPerPoint ?? 1;
  const slots = fc.array(fc.option(value, { freq: 3, nil: undefined }), { minLength: 2, maxLength: 24 });
  return fc
    .record({ begin: age(about), slots })
    .map(({ begin, slots }) =>
      slots.flatMap((slot, i) => (slot === undefined ? [] : [{ ago: Math.max(0, begin - i * step), value: slot }])),
    );
}

function steps(about: OracleSchema, start: number): fc.Arbitrary<OracleStep[]> {
  const reach = reachOf(about.archives);
  const step = about.archives[0]?.secondsPerPoint ?? 1;
  const ago = age(about);
  const one = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ op: fc.constant('update' as const), value, ago: fc.oneof(ago, fc.constant(-1)) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant('update_many' as const),
        points: fc.oneof(fc.array(fc.record({ ago, value }), { minLength: 1, maxLength: 30 }), denseRun(about)),
        ahead: fc.option(fc.record({ ago: fc.integer({ min: -FUTURE_SLOTS * step, max: -1 }), value }), {
          nil: undefined,
        }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant('fetch' as const),
        begin: fc.integer({ min: -3, max: reach + 100 }),
        length: fc.oneof(fc.constant(0), fc.integer({ min: -1, max: reach + 100 })),
        archive: fc.option(fc.constantFrom(...about.archives), { nil: undefined }),
      }),
    },
  );
  return fc
    .array(fc.record({ one, pause: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: reach * 2 })) }), {
      minLength: 1,
      maxLength: 12,
    })
    .map((list) => {
      let clock = start;
      return list.map(({ one: chosen, pause }): OracleStep => {
        clock += pause;
        if (chosen.op === 'update') {
          return { op: 'update', value: chosen.value, timestamp: clock - chosen.ago, now: clock };
        }
        if (chosen.op === 'update_many') {
          const points = chosen.points.map((point) => ({ timestamp: clock - point.ago, value: point.value }));
          const ahead = chosen.ahead && { timestamp: clock - chosen.ahead.ago, value: chosen.ahead.value };
          // Not in the very next slot: Whisper writes a run that is longer than its ring over the archive behind it.
          const joins = ahead !== undefined && alignDown(ahead.timestamp, step) - alignDown(clock, step) === step;
          return { op: 'update_many', points: ahead === undefined || joins ? points : [...points, ahead], now: clock };
        }
        const from = clock - chosen.begin;
        const archive = chosen.archive === undefined ? {} : { archive: chosen.archive.secondsPerPoint };
        return { op: 'fetch', from, until: from + chosen.length, now: clock, ...archive };
      });
    });
}

/** Everything that can be read from a file at a time, and every point in it. */
function readAll(bytes: Uint8Array, clock: number): unknown {
  return parseHeader(bytes).archives.map((archive) => ({
    series: fetchPoints(bytes, { from: clock - archive.retention, now: clock, archive: archive.secondsPerPoint }),
    points: knownPoints(bytes, archive),
  }));
}

describe('the Whisper library against python3-whisper', () => {
  const oracle = new Oracle();
  after(() => oracle.close());

  it('creates the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(schema, async (about) => {
        const { file } = await oracle.script(about, []);
        assert.deepEqual(createWhisper(about.archives, about), file);
      }),
      { numRuns: 100 },
    );
  });

  it('parses a file that Python made with each aggregation method', async () => {
    for (const aggregation of AGGREGATION_METHODS) {
      const archives = [
        { secondsPerPoint: 60, points: 1440 },
        { secondsPerPoint: 300, points: 2016 },
      ];
      const { file } = await oracle.script({ archives, aggregation, xFilesFactor: 0.3 }, []);
      const header = parseHeader(file);
      assert.equal(header.aggregation, aggregation);
      assert.equal(header.xFilesFactor, Math.fround(0.3));
      assert.equal(header.maxRetention, 604_800);
      assert.equal(header.size, file.length);
      assert.deepEqual(
        header.archives.map(({ offset, secondsPerPoint, points }) => ({ offset, secondsPerPoint, points })),
        [
          { offset: 40, secondsPerPoint: 60, points: 1440 },
          { offset: 40 + 1440 * 12, secondsPerPoint: 300, points: 2016 },
        ],
      );
    }
  });

  it('aggregates identically for any order of NaN, zeros and equal values', async () => {
    const slots = fc
      .array(fc.option(value, { nil: undefined, freq: 4 }), { minLength: 1, maxLength: 8 })
      .filter((list) => list.some((slot) => slot !== undefined));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...AGGREGATION_METHODS), slots, async (aggregation, list) => {
        const expected = await oracle.aggregate(aggregation, list);
        assert.ok(Object.is(consolidate({ aggregation, xFilesFactor: 0 }, list), expected));
      }),
      { numRuns: 400 },
    );
  });

  it('updates, updates many and fetches identically, point by point', async () => {
    const scenario = fc
      .record({ about: schema, start: now })
      .chain(({ about, start }) => fc.record({ about: fc.constant(about), list: steps(about, start) }));
    await fc.assert(
      fc.asyncProperty(scenario, async ({ about, list }) => {
        const python = await oracle.script(about, list);
        const bytes = createWhisper(about.archives, about);
        const results = list.map((step) => perform(bytes, step));
        assert.deepEqual(results, python.results);
        const clock = list[list.length - 1]?.now ?? 0;
        assert.deepEqual(readAll(bytes, clock), readAll(python.file, clock));
      }),
      { numRuns: 400 },
    );
  });

  it('is read identically by Python, whatever base an empty archive got', async () => {
    const scenario = fc
      .record({ about: schema, start: now })
      .chain(({ about, start }) => fc.record({ about: fc.constant(about), list: steps(about, start) }));
    await fc.assert(
      fc.asyncProperty(scenario, async ({ about, list }) => {
        const bytes = createWhisper(about.archives, about);
        for (const step of list) perform(bytes, step);
        const clock = list[list.length - 1]?.now ?? 0;
        const fetches = about.archives.map(
          ({ secondsPerPoint, points }): OracleStep => ({
            op: 'fetch',
            from: clock - secondsPerPoint * points,
            now: clock,
            archive: secondsPerPoint,
          }),
        );
        const python = await oracle.script({ file: bytes }, fetches);
        const series = (results: readonly OracleResult[]): (Series | undefined | string)[] =>
          results.map((result) => result.error ?? result.series);
        assert.deepEqual(series(fetches.map((step) => perform(bytes, step))), series(python.results));
      }),
      { numRuns: 100 },
    );
  });
});
