import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createWhisper } from '../../lib/whisper/create.ts';
import { planFill } from '../../lib/whisper/fill.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { knownPoints } from '../../lib/whisper/info.ts';
import type { Window } from '../../lib/whisper/time-window.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { planWindow } from '../../lib/whisper/window.ts';
import { seeded } from '../fixtures/seed.ts';

/** 20 minutes, 80 minutes and 4 hours. */
const ARCHIVES = [
  { secondsPerPoint: 60, points: 20 },
  { secondsPerPoint: 300, points: 16 },
  { secondsPerPoint: 1200, points: 12 },
];
/** A little longer than the longest retention, so that rings turn. */
const MINUTES = 270;
/** Far above every aggregate of good points, which are below 10. */
const BAD = 1e6;

interface Damage {
  readonly local: Uint8Array;
  /** The local file as it would be without the bad points. */
  readonly truth: Uint8Array;
  readonly source: Uint8Array;
  readonly window: Window;
  readonly now: number;
}

/**
 * A file with bad points in the window only, all points written at their own time; and either a backup with the right
 * points, or one from before the window.
 */
const damage: fc.Arbitrary<Damage> = fc
  .record({
    aggregation: fc.constantFrom('average', 'sum', 'last', 'max', 'min'),
    xFilesFactor: fc.constantFrom(0, 0.5, 1),
    now: fc.integer({ min: 1_800_000_000, max: 1_800_002_400 }),
    age: fc.integer({ min: 1, max: 250 * 60 }),
    length: fc.integer({ min: 1, max: 100 * 60 }),
    isRight: fc.boolean(),
    density: fc.constantFrom(1, 0.9, 0.3, 0.05),
    dice: fc.array(fc.nat({ max: 999 }), { minLength: MINUTES, maxLength: MINUTES }),
  })
  .map(({ aggregation, xFilesFactor, now, age, length, isRight, density, dice }) => {
    const file = () => createWhisper(ARCHIVES, { aggregation, xFilesFactor });
    const [local, truth, source] = [file(), file(), file()];
    const window = { from: now - age, until: now - age + length, erase: !isRight };
    for (const [i, die] of dice.entries()) {
      if (die >= density * 1000) continue;
      const time = now - (MINUTES - 1 - i) * 60;
      const put = (bytes: Uint8Array, value: number) => updateMany(bytes, [{ timestamp: time, value }], { now: time });
      const slot = time - (time % 60);
      const isBad = slot >= window.from && slot < window.until;
      put(local, isBad ? BAD : die % 10);
      if (!isBad || isRight) put(truth, die % 10);
      if (slot < window.from || isRight) put(source, die % 10);
    }
    return { local, truth, source, window, now };
  });

/** Points of each archive inside its retention. */
function pointsOf(bytes: Uint8Array, now: number): Map<number, number>[] {
  return parseHeader(bytes).archives.map(
    (archive) => new Map(knownPoints(bytes, archive, { now }).map(({ timestamp, value }) => [timestamp, value])),
  );
}

describe('the restore of a window', () => {
  it('leaves no slot with a wrong value that it does not name', () => {
    let [wrong, right] = [0, 0];
    fc.assert(
      fc.property(damage, (files) => {
        const { truth, now } = files;
        const { writes, left } = planWindow(files);
        const [expected, before] = [pointsOf(truth, now), pointsOf(files.local, now)];
        for (const [level, points] of pointsOf(writes.after, now).entries()) {
          for (const [time, value] of points) {
            if (Object.is(value, expected[level]?.get(time))) {
              if (!Object.is(value, before[level]?.get(time))) right++;
              continue;
            }
            wrong++;
            const isNamed = left.some(({ archive, timestamp }) => archive === level && timestamp === time);
            assert.ok(isNamed, `archive ${level}, ${now - time} s ago: ${value}, not ${expected[level]?.get(time)}`);
          }
        }
      }),
      seeded(250),
    );
    assert.ok(wrong > 50 && right > 200, `${wrong} slots were named, ${right} were put right`);
  });

  it('with --erase leaves no point that a later backfill aggregates into an emptied slot', () => {
    fc.assert(
      fc.property(damage, (files) => {
        const { window, source, now } = files;
        const local = planWindow(files).writes.after;
        const filled = pointsOf(planFill({ local, source, now }).writes.after, now);
        for (const [level, points] of pointsOf(local, now).entries()) {
          for (const [time, value] of filled[level] ?? []) {
            const isInside = time >= window.from && time + (ARCHIVES[level]?.secondsPerPoint ?? 0) <= window.until;
            if (isInside && !points.has(time)) assert.ok(value < BAD / 100, `archive ${level}, ${now - time} s ago`);
          }
        }
      }),
      seeded(250),
    );
  });
});
