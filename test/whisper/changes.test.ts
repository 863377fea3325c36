import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findChanges, type Plot } from '../../lib/whisper/changes.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { update, updateMany } from '../../lib/whisper/update.ts';
import { metricFile } from '../fixtures/metric.ts';
import { seeded } from '../fixtures/seed.ts';
import { modelOf } from './fill-model.ts';

const NOW = Date.UTC(2026, 10, 22, 12) / 1000;
const options = { plotAbove: Number.POSITIVE_INFINITY, now: NOW };

function fileOf(values: readonly (number | undefined)[], step = 60): Uint8Array {
  const bytes = createWhisper([{ secondsPerPoint: step, points: 100 }]);
  for (const [i, value] of values.entries())
    if (value !== undefined) update(bytes, { timestamp: NOW - i * step, value, now: NOW });
  return bytes;
}

/** The same in a slow and simple way, for files in which all points are within the retention. */
function slowCount(before: Uint8Array, after: Uint8Array): number {
  const named = (bytes: Uint8Array) =>
    new Map(
      modelOf(bytes).archives.flatMap(({ step, points }) =>
        [...points].map(([time, value]) => [`${step} ${time}`, value] as const),
      ),
    );
  const [old, now] = [named(before), named(after)];
  return [...new Set([...old.keys(), ...now.keys()])].filter((name) => !Object.is(old.get(name), now.get(name))).length;
}

describe('findChanges', () => {
  it('counts points that were added, removed or got another value, as a comparison of all points does', () => {
    const value = fc.option(fc.constantFrom(0, 1, 2, Number.NaN), { nil: undefined });
    const file = fc.tuple(fc.array(value, { maxLength: 80 }), fc.constantFrom(60, 120));
    fc.assert(
      fc.property(file, file, (before, after) => {
        const [old, now] = [fileOf(...before), fileOf(...after)];
        assert.equal(findChanges(old, now, options)?.points, slowCount(old, now));
      }),
      seeded(200),
    );
  });

  it('counts all points without a file before, or a damaged one, and none if nothing changed', () => {
    const file = metricFile(1, { now: NOW, known: 30 });
    assert.deepEqual(findChanges(undefined, file, options), { points: 30 });
    assert.deepEqual(findChanges(new Uint8Array(10), file, options), { points: 30 });
    assert.deepEqual(findChanges(file, file.slice(), options), { points: 0 });
  });

  it('does not count points of an earlier turn of the ring, which Whisper does not read either', () => {
    const file = metricFile(1, { now: NOW, known: 30 });
    assert.equal(findChanges(undefined, file, { ...options, now: NOW + 50 * 60 })?.points, 10);
  });

  it('finds nothing in a file that it cannot read', () => {
    assert.equal(findChanges(metricFile(), new Uint8Array(10), options), undefined);
  });

  it('plots only files with more changes than asked for', () => {
    const file = metricFile(1, { now: NOW, known: 30 });
    assert.equal(findChanges(undefined, file, { plotAbove: 30, now: NOW })?.plot, undefined);
    assert.ok(findChanges(undefined, file, { plotAbove: 29, now: NOW })?.plot);
  });

  it('plots the archive with most changes, around them, with the lowest and highest value of each column', () => {
    const archives = [
      { secondsPerPoint: 60, points: 60 },
      { secondsPerPoint: 300, points: 4000 },
    ];
    const before = createWhisper(archives);
    const times = Array.from({ length: 3000 }, (_, i) => NOW - 3600 - i * 300);
    updateMany(
      before,
      times.map((timestamp) => ({ timestamp, value: 5 })),
      { now: NOW },
    );
    const after = before.slice();
    for (const [i, timestamp] of times.slice(500, 1500).entries())
      update(after, { timestamp, value: i === 700 ? -8 : 9, now: NOW });
    const changes = findChanges(before, after, { plotAbove: 0, now: NOW });
    const plot = changes?.plot as Plot;
    assert.equal(changes?.points, 1000);
    assert.equal(plot.step, 300);
    const columns = plot.after.low.length;
    assert.ok(columns > 100 && columns <= 240, `${columns} columns`);
    const until = plot.from + columns * plot.width;
    const [first, last] = [NOW - 3600 - 1499 * 300, NOW - 3600 - 500 * 300];
    assert.ok(plot.from < first && plot.from > first - 400 * 300 && until > last && until < last + 400 * 300);
    const known = (band: Float64Array) => [...band].filter((value) => !Number.isNaN(value));
    assert.deepEqual(new Set([...known(plot.before.low), ...known(plot.before.high)]), new Set([5]));
    assert.deepEqual([Math.min(...known(plot.after.low)), Math.max(...known(plot.after.high))], [-8, 9]);
    assert.equal([...plot.after.low].filter((value) => value === -8).length, 1);
  });

  it('shows no time after now without points, and leaves out values that are not finite', () => {
    const file = fileOf([1, Number.POSITIVE_INFINITY, Number.NaN, 4]);
    const plot = findChanges(undefined, file, { plotAbove: 0, now: NOW })?.plot as Plot;
    assert.equal(plot.from + plot.after.low.length * plot.width, NOW + 60);
    assert.deepEqual([...plot.after.high.slice(-4)], [4, Number.NaN, Number.NaN, 1]);
    assert.ok([...plot.before.low].every(Number.isNaN));
  });
});
