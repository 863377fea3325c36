import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createWhisper } from '../../lib/whisper/create.ts';
import { planFill } from '../../lib/whisper/fill.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { alignDown } from '../../lib/whisper/points.ts';
import { differsFrom, type NewSchema, reshape } from '../../lib/whisper/reshape.ts';
import { update, updateMany } from '../../lib/whisper/update.ts';
import { SEEDED, seeded } from '../fixtures/seed.ts';
import { value } from './arbitrary.ts';
import { type FillCase, fillCase, lostAndMadeAnew } from './file-arbitrary.ts';
import { modelOf, slotsOf } from './fill-model.ts';
import { findUnjustified, slotsIn } from './justified.ts';

/** Few values, so that aggregates and points often coincide, and values that no sum of others gives. */
const anyValue = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(Number.NaN), value);
const cases = fc.oneof(fillCase(anyValue), lostAndMadeAnew);

/** The schema of the one file is given to the other. */
function schemaOf({ local }: FillCase): NewSchema {
  const { archives, aggregation, xFilesFactor } = parseHeader(local);
  return { archives, rule: { aggregation, xFilesFactor } };
}

describe('a file with another schema', () => {
  it(`has no value that is not a point or an aggregate of points of the old one (${SEEDED})`, () => {
    let points = 0;
    fc.assert(
      fc.property(cases, (files) => {
        const { bytes } = reshape(schemaOf(files), [files.source], files.now);
        assert.deepEqual(findUnjustified(bytes, [files.source]), []);
        points += modelOf(bytes).archives.reduce((sum, archive) => sum + archive.points.size, 0);
      }),
      seeded(500),
    );
    assert.ok(points > 1000, `${points} points`);
  });

  it(`has every point of the old one whose step and age it has, and what a whole finer archive gives (${SEEDED})`, () => {
    fc.assert(
      fc.property(cases, (files) => {
        const { bytes } = reshape(schemaOf(files), [files.source], files.now);
        const made = modelOf(bytes);
        const old = modelOf(files.source);
        for (const archive of made.archives) {
          const same = old.archives.find(({ step }) => step === archive.step);
          const finer = old.archives.filter(({ step }) => step < archive.step && archive.step % step === 0);
          for (const slot of slotsOf(archive, files.now)) {
            if (slot <= 0) continue;
            const point = same?.points.get(slot);
            if (point !== undefined) assert.ok(Object.is(archive.points.get(slot), point), `${archive.step}: ${slot}`);
            if (finer.some((one) => slotsIn(one, slot, archive.step).every((known) => known !== undefined)))
              assert.ok(archive.points.has(slot), `${archive.step}: ${slot}`);
          }
        }
      }),
      seeded(300),
    );
  });

  it(`that is the old one has the same points, and filling it again changes nothing (${SEEDED})`, () => {
    fc.assert(
      fc.property(cases, (files) => {
        const { archives } = parseHeader(files.source);
        const { bytes } = reshape({ archives }, [files.source], files.now);
        const [made, old] = [modelOf(bytes), modelOf(files.source)];
        for (const [level, archive] of old.archives.entries()) {
          const within = slotsOf(archive, files.now).filter((slot) => slot > 0 && archive.points.has(slot));
          for (const slot of within)
            assert.ok(Object.is(made.archives[level]?.points.get(slot), archive.points.get(slot)));
        }
        const other = reshape(schemaOf(files), [files.source], files.now).bytes;
        assert.ok(planFill({ local: other, source: files.source, now: files.now }).writes.isEmpty);
      }),
      seeded(300),
    );
  });

  it(`keeps the points of the local file, and fills gaps from the backup (${SEEDED})`, () => {
    fc.assert(
      fc.property(fillCase(anyValue), fillCase(anyValue), (files, { local: about }) => {
        const schema = schemaOf({ ...files, local: about });
        const { bytes } = reshape(schema, [files.local, files.source], files.now);
        // Also of the local points alone, from which its coarser values were made first.
        const alone = reshape(schema, [files.local], files.now).bytes;
        assert.deepEqual(findUnjustified(bytes, [files.local, files.source, alone]), []);
        const [finest] = modelOf(bytes).archives;
        const local = modelOf(files.local).archives.find(({ step }) => step === finest?.step);
        if (!finest || !local) return;
        for (const slot of slotsOf(finest, files.now)) {
          const point = slot > 0 ? local.points.get(slot) : undefined;
          if (point !== undefined) assert.ok(Object.is(finest.points.get(slot), point));
        }
      }),
      seeded(300),
    );
  });

  it('keeps the points that are newer than now: carbon writes while a backup is fetched, and clocks may be ahead', () => {
    const archives = [
      { secondsPerPoint: 60, points: 60 },
      { secondsPerPoint: 300, points: 48 },
    ];
    const noon = Date.UTC(2026, 10, 22, 12) / 1000;
    const year = 365 * 86_400 + 7200;
    const times = [-3000, -60, 0, 60, 600, 3540].map((second) => noon + second);
    for (const far of [[], [noon + year]]) {
      const first = createWhisper(archives);
      for (const timestamp of [...times, ...far]) update(first, { timestamp, value: timestamp % 1000, now: timestamp });
      const second = createWhisper(archives);
      for (let ago = 3540; ago >= 0; ago -= 60) update(second, { timestamp: noon - ago, value: 1, now: noon });
      const longer = { archives: [{ secondsPerPoint: 60, points: 180 }, ...archives.slice(1)] };
      const { bytes } = reshape(longer, [first, second], noon);
      const [finest] = modelOf(bytes).archives;
      for (const timestamp of [...times.filter((time) => modelOf(first).archives[0]?.points.has(time)), ...far])
        assert.equal(finest?.points.get(timestamp), timestamp % 1000, `${timestamp - noon}`);
      assert.equal(finest?.points.get(noon - 120), 1);
    }
  });

  it('counts points ahead of the clock that it has no place for, but not aggregates of those that it has', () => {
    const noon = Date.UTC(2026, 10, 22, 12) / 1000;
    const old = createWhisper(
      [
        { secondsPerPoint: 60, points: 60 },
        { secondsPerPoint: 300, points: 48 },
      ],
      { aggregation: 'sum', xFilesFactor: 0 },
    );
    for (const ago of [600, 0, -60, -600]) update(old, { timestamp: noon - ago, value: 1, now: noon - ago });
    const leftIn = (...archives: readonly (readonly [number, number])[]) =>
      reshape({ archives: archives.map(([secondsPerPoint, points]) => ({ secondsPerPoint, points })) }, [old], noon)
        .aheadLeft;
    assert.equal(leftIn([60, 180]), 0);
    assert.equal(leftIn([60, 180], [300, 48]), 0);
    // Those of 60 s: the one of 300 s stays.
    assert.equal(leftIn([300, 96]), 2);
    assert.equal(leftIn([600, 96]), 3);
    const none = createWhisper([{ secondsPerPoint: 60, points: 60 }]);
    update(none, { timestamp: noon, value: 1, now: noon });
    assert.equal(reshape({ archives: [{ secondsPerPoint: 300, points: 10 }] }, [none], noon).aheadLeft, 0);
  });

  it('never spreads a coarser value into finer slots, in a finer, coarser, longer and shorter schema', () => {
    const now = 1_700_000_000;
    const old = createWhisper(
      [
        { secondsPerPoint: 60, points: 60 },
        { secondsPerPoint: 300, points: 288 },
      ],
      { aggregation: 'sum', xFilesFactor: 0 },
    );
    const first = alignDown(now, 300) - 300 * 200;
    for (let at = first; at <= now; at += 60) updateMany(old, [{ timestamp: at, value: 1 }], { now: at });
    const counts = (...archives: readonly (readonly [number, number])[]) => {
      const schema = { archives: archives.map(([secondsPerPoint, points]) => ({ secondsPerPoint, points })) };
      const { bytes, stepsLeft } = reshape(schema, [old], now);
      const values = modelOf(bytes).archives.map(({ points }) => [
        points.size,
        [...new Set(points.values())].toSorted((a, b) => a - b),
      ]);
      return { values, stepsLeft };
    };
    const newest = (now - alignDown(now, 300)) / 60;
    assert.deepEqual(counts([10, 300], [60, 60], [300, 288]).values, [
      [0, []],
      [60, [1]],
      [201, [Math.floor(newest) + 1, 5]],
    ]);
    assert.deepEqual(counts([300, 288]).values, [[201, [Math.floor(newest) + 1, 5]]]);
    assert.deepEqual(counts([60, 600], [300, 400]).values[0], [60, [1]]);
    assert.deepEqual(
      counts([60, 30], [300, 12]).values.map(([size]) => size),
      [30, 12],
    );
    assert.deepEqual(counts([90, 600]).stepsLeft, [60, 300]);
    const sums = counts([600, 600]).values[0]?.[1];
    assert.ok(Array.isArray(sums) && sums.at(-1) === 10, `${sums}`);
  });

  it('differs if its archives, method or xFilesFactor do', () => {
    const archives = [{ secondsPerPoint: 60, points: 10 }];
    const header = parseHeader(createWhisper(archives, { aggregation: 'max', xFilesFactor: 0.1 }));
    assert.equal(differsFrom(header, { archives }), false);
    assert.equal(differsFrom(header, { archives, rule: { aggregation: 'max', xFilesFactor: 0.1 } }), false);
    assert.equal(differsFrom(header, { archives, rule: { aggregation: 'min', xFilesFactor: 0.1 } }), true);
    assert.equal(differsFrom(header, { archives, rule: { aggregation: 'max', xFilesFactor: 0.2 } }), true);
    assert.equal(differsFrom(header, { archives: [{ secondsPerPoint: 60, points: 11 }] }), true);
  });
});
