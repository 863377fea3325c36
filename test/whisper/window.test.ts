import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InvalidOptionError } from '../../lib/common/errors.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { FillRefusedError } from '../../lib/whisper/errors.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { knownPoints } from '../../lib/whisper/info.ts';
import { Ring } from '../../lib/whisper/points.ts';
import type { Window } from '../../lib/whisper/time-window.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { planWindow, type WindowPlan } from '../../lib/whisper/window.ts';

/** The start of an hour. */
const NOW = 1_700_002_800;
const MINUTE = 60;

const TWO = [
  { secondsPerPoint: 60, points: 30 },
  { secondsPerPoint: 300, points: 48 },
];

/** Points of each minute from `from` to before `until` minutes ago, written in order at their time. */
function fileOf(
  series: readonly { readonly from: number; readonly until: number; readonly value: number }[],
  archives = TWO,
): Uint8Array {
  const bytes = createWhisper(archives, { aggregation: 'sum', xFilesFactor: 0.5 });
  for (const { from, until, value } of series) {
    for (let ago = from; ago > until; ago--) {
      const timestamp = NOW - ago * MINUTE;
      updateMany(bytes, [{ timestamp, value }], { now: timestamp });
    }
  }
  return bytes;
}

/** A window in minutes ago. */
function ago(from: number, until: number, erase = false): Window {
  return { from: NOW - from * MINUTE, until: NOW - until * MINUTE, erase };
}

function restored(
  local: Uint8Array,
  source: Uint8Array,
  window: Window,
  now = NOW,
): { bytes: Uint8Array; plan: WindowPlan } {
  const plan = planWindow({ local, source, window, now });
  const bytes = local.slice();
  for (const write of plan.writes) bytes.set(write.bytes, write.offset);
  return { bytes, plan };
}

/** The points of an archive by minutes ago. */
function pointsOf(bytes: Uint8Array, level: number, now = NOW): Map<number, number> {
  const archive = parseHeader(bytes).archives[level];
  assert.ok(archive);
  return new Map(
    knownPoints(bytes, archive, { now }).map(({ timestamp, value }) => [(NOW - timestamp) / MINUTE, value]),
  );
}

describe('planWindow', () => {
  const good = fileOf([{ from: 40, until: 0, value: 1 }]);
  const bad = fileOf([
    { from: 40, until: 20, value: 1 },
    { from: 20, until: 10, value: 9 },
    { from: 10, until: 0, value: 2 },
  ]);

  it('replaces the points of the window in all archives, and keeps the good ones before and after', () => {
    const { bytes, plan } = restored(bad, good, ago(20, 10));
    for (let minute = 1; minute < 30; minute++) assert.equal(pointsOf(bytes, 0).get(minute), minute > 10 ? 1 : 2);
    assert.deepEqual(
      [25, 20, 15, 10, 5].map((minute) => pointsOf(bytes, 1).get(minute)),
      [5, 5, 5, 10, 10],
    );
    assert.deepEqual([plan.filled, plan.replaced, plan.erased, plan.kept, plan.left], [0, 12, 0, 0, []]);
  });

  it('aggregates a coarse slot at the edge again from good points of both sides', () => {
    const { bytes, plan } = restored(bad, good, ago(18, 12));
    assert.deepEqual(
      [20, 15, 10].map((minute) => pointsOf(bytes, 1).get(minute)),
      [9 + 9 + 1 + 1 + 1, 1 + 1 + 1 + 9 + 9, 10],
    );
    assert.deepEqual(plan.left, []);
  });

  it('leaves and names a coarse slot at the edge if its finer points are not stored any more', () => {
    const later = NOW + 20 * MINUTE;
    const { bytes, plan } = restored(bad, good, ago(18, 5, true), later);
    assert.equal(pointsOf(bytes, 1, later).get(20), 45);
    assert.equal(pointsOf(bytes, 1, later).get(15), 5);
    assert.deepEqual(plan.left, [{ archive: 1, secondsPerPoint: 300, timestamp: NOW - 20 * MINUTE }]);
  });

  it('names no slot if the backup has no point inside and those of the file are kept, and all with erase', () => {
    const local = fileOf([{ from: 80, until: 0, value: 1 }]);
    const source = fileOf([{ from: 80, until: 70, value: 1 }]);
    const slotsLeft = (erase: boolean) => restored(local, source, ago(63, 52, erase)).plan.left.length;
    assert.deepEqual([slotsLeft(false), slotsLeft(true)], [0, 2]);
    // Nothing of this window is stored any more but the coarse slot: it cannot be restored.
    assert.equal(restored(local, source, ago(58, 57)).plan.left.length, 1);
  });

  it('names the first hundred slots, and counts all', () => {
    const archives = [
      { secondsPerPoint: 60, points: 320 },
      { secondsPerPoint: 120, points: 200 },
    ];
    const file = (step: number) => {
      const bytes = createWhisper(archives, { aggregation: 'avg_zero', xFilesFactor: 1 });
      const points = Array.from({ length: 300 / step }, (_, i) => ({
        timestamp: NOW - i * step * MINUTE,
        value: step,
      }));
      updateMany(bytes, points, { now: NOW });
      return bytes;
    };
    // The backup has every other point, so all slots of two minutes have a restored and a kept one.
    const { left, leftSlots } = restored(file(1), file(2), ago(280, 20)).plan;
    assert.deepEqual([left.length, leftSlots], [100, 130]);
    assert.equal(left[0]?.timestamp, NOW - 280 * MINUTE);
  });

  it('names each coarser slot that has the named one in it', () => {
    const three = [...TWO, { secondsPerPoint: 1200, points: 24 }];
    const file = (value: number) =>
      fileOf(
        [
          { from: 80, until: 58, value: 1 },
          { from: 58, until: 52, value },
          { from: 52, until: 0, value: 1 },
        ],
        three,
      );
    const { plan } = restored(file(9), fileOf([{ from: 80, until: 58, value: 1 }], three), ago(58, 52, true));
    assert.deepEqual(
      plan.left.map(({ archive, timestamp }) => [archive, (NOW - timestamp) / MINUTE]),
      [
        [1, 60],
        [1, 55],
        [2, 60],
      ],
    );
  });

  it('keeps points that the backup does not have, and with erase removes them', () => {
    const source = fileOf([{ from: 40, until: 15, value: 1 }]);
    const kept = restored(bad, source, ago(20, 10));
    assert.deepEqual(
      [20, 16, 15, 11, 10].map((minute) => pointsOf(kept.bytes, 0).get(minute)),
      [1, 1, 9, 9, 2],
    );
    assert.equal(kept.plan.kept, 6);
    const { bytes, plan } = restored(bad, source, ago(20, 10, true));
    assert.deepEqual(
      [20, 16, 15, 11, 10].map((minute) => pointsOf(bytes, 0).get(minute)),
      [1, 1, undefined, undefined, 2],
    );
    assert.deepEqual(
      [20, 15, 10].map((minute) => pointsOf(bytes, 1).get(minute)),
      [5, undefined, 10],
    );
    assert.deepEqual([plan.erased, plan.kept], [6, 0]);
  });

  it('does not aggregate a coarse slot again on which the file and the backup agree', () => {
    const local = fileOf([{ from: 20, until: 10, value: 1 }]);
    const source = fileOf([{ from: 20, until: 15, value: 2 }]);
    // Both have 7 for a slot, from whatever points.
    for (const bytes of [local, source]) {
      const [, coarse] = parseHeader(bytes).archives;
      assert.ok(coarse);
      for (const minute of [20, 15]) new Ring(bytes, coarse).put(NOW - minute * MINUTE, 7);
    }
    for (const window of [ago(20, 10), ago(20, 10, true), ago(19, 11), ago(19, 11, true)]) {
      const { bytes, plan } = restored(local, source, window);
      assert.deepEqual(
        [20, 15].map((minute) => pointsOf(bytes, 1).get(minute)),
        [7, 7],
      );
      assert.ok(plan.replaced > 0 && plan.left.length === 0);
    }
  });

  it('removes a coarse point at the edge if too few of its points are left, and leaves one of other origin', () => {
    const window = ago(14, 10, true);
    const local = fileOf([{ from: 20, until: 0, value: 3 }]);
    const { bytes, plan } = restored(local, fileOf([]), window);
    assert.deepEqual(pointsOf(bytes, 0).get(15), 3);
    assert.equal(pointsOf(bytes, 1).get(15), undefined);
    assert.deepEqual([plan.erased, plan.left], [4 + 1, []]);
    const [, coarse] = parseHeader(local).archives;
    assert.ok(coarse);
    new Ring(local, coarse).put(NOW - 15 * MINUTE, 99);
    const other = restored(local, fileOf([]), window);
    assert.equal(pointsOf(other.bytes, 1).get(15), 99);
    assert.deepEqual(other.plan.left, [{ archive: 1, secondsPerPoint: 300, timestamp: NOW - 15 * MINUTE }]);
  });

  it('with erase empties coarse slots of a metric with few points, whose expired points are still in the finer archive', () => {
    const local = createWhisper(TWO, { aggregation: 'sum', xFilesFactor: 0 });
    for (const [minute, value] of [[59, 1] as const, [48, 9] as const, [42, 9] as const, [2, 1] as const]) {
      const timestamp = NOW - minute * MINUTE;
      updateMany(local, [{ timestamp, value }], { now: timestamp });
    }
    const { bytes, plan } = restored(local, createWhisper(TWO), ago(50, 40, true));
    assert.deepEqual([...pointsOf(bytes, 1).keys()], [60, 5]);
    assert.deepEqual([plan.erased, plan.left], [2, []]);
  });

  it('names the first slot of an archive that is longer than the time since 1970, instead of emptying it', () => {
    const archives = [{ secondsPerPoint: 2_592_000, points: 1000 }];
    const bytes = createWhisper(archives);
    const month = NOW - (NOW % 2_592_000);
    updateMany(bytes, [{ timestamp: month, value: 4 }], { now: NOW });
    const window = { from: month, until: NOW, erase: true };
    const { plan } = restored(bytes, createWhisper(archives), window);
    assert.deepEqual(
      [plan.writes.isEmpty, plan.left],
      [true, [{ archive: 0, secondsPerPoint: 2_592_000, timestamp: month }]],
    );
  });

  it('aggregates a coarse slot from restored and kept points', () => {
    // The backup ends within a slot of five minutes, of which it has a partial sum.
    const source = fileOf([{ from: 40, until: 12, value: 1 }]);
    assert.equal(pointsOf(source, 1).get(15), 3);
    const { bytes } = restored(bad, source, ago(20, 10));
    assert.equal(pointsOf(bytes, 1).get(15), 1 + 1 + 1 + 9 + 9);
    assert.equal(pointsOf(restored(bad, source, ago(20, 10, true)).bytes, 1).get(15), 3);
  });

  it('empties the first slot of an archive without losing the points of the others', () => {
    for (const minute of [29, 20, 10, 1]) {
      // The first point that was written is the base, in slot 0.
      const local = fileOf(
        [
          { from: minute, until: minute - 1, value: 4 },
          { from: 29, until: 0, value: 5 },
        ],
        TWO.slice(0, 1),
      );
      const { bytes } = restored(local, fileOf([], TWO.slice(0, 1)), ago(minute, minute - 1, true));
      const expected = new Map(pointsOf(local, 0));
      expected.delete(minute);
      assert.deepEqual(pointsOf(bytes, 0), expected);
      const [archive] = parseHeader(bytes).archives;
      assert.ok(archive);
      assert.equal(knownPoints(bytes, archive).length, expected.size);
      assert.notEqual(new Ring(bytes, archive).base, 0);
      const timestamp = NOW - minute * MINUTE;
      updateMany(bytes, [{ timestamp, value: 4 }], { now: NOW });
      assert.equal(pointsOf(bytes, 0).get(minute), 4);
    }
  });

  it('leaves no point in 1970 when it empties the first slot of an archive with steps of a second', () => {
    const local = createWhisper([{ secondsPerPoint: 1, points: 100 }]);
    const points = Array.from({ length: 100 }, (_, i) => ({ timestamp: NOW - i, value: 5 }));
    updateMany(local, points, { now: NOW });
    const [archive] = parseHeader(local).archives;
    assert.ok(archive);
    for (const [window, expected] of [
      [{ from: NOW - 120, until: NOW - 49, erase: true }, 50],
      [ago(2, -1, true), 0],
    ] as const) {
      const { bytes } = restored(local, createWhisper([archive]), window);
      assert.notEqual(new Ring(bytes, archive).base, 0);
      assert.equal(knownPoints(bytes, archive).length, expected);
    }
  });

  it('does not change points of the future outside the window, and can erase those inside', () => {
    const local = fileOf([{ from: 5, until: -3, value: 7 }]);
    const timesOf = (bytes: Uint8Array) => [...pointsOf(bytes, 0, NOW + 600).keys()].toReversed();
    assert.deepEqual(timesOf(local), [-2, -1, 0, 1, 2, 3, 4, 5]);
    assert.deepEqual(timesOf(restored(local, fileOf([]), ago(-1, -2, true)).bytes), [-2, 0, 1, 2, 3, 4, 5]);
    assert.deepEqual(timesOf(restored(local, fileOf([]), ago(2, -5, true)).bytes), [3, 4, 5]);
  });

  it('changes nothing before the retention, in an empty window, and where nothing differs', () => {
    for (const window of [
      ago(10_000, 9000, true),
      { from: NOW - 19 * MINUTE + 1, until: NOW - 19 * MINUTE + 2, erase: true },
    ]) {
      const { plan } = restored(bad, fileOf([]), window, NOW + 60 * MINUTE);
      assert.deepEqual([plan.writes.isEmpty, plan.left], [true, []]);
    }
    assert.ok(restored(bad, bad, ago(30, 0, true)).plan.writes.isEmpty);
  });

  it('takes a step that the backup does not have from its finer points, and never from coarser ones', () => {
    const finer = fileOf([{ from: 40, until: 0, value: 1 }], [{ secondsPerPoint: 60, points: 60 }]);
    const coarse = [{ secondsPerPoint: 300, points: 48 }];
    const { bytes } = restored(fileOf([{ from: 40, until: 0, value: 8 }], coarse), finer, ago(20, 10));
    assert.deepEqual(
      [25, 20, 15, 10].map((minute) => pointsOf(bytes, 0).get(minute)),
      [8, 5, 5, 8],
    );
    const { plan } = restored(finer, fileOf([{ from: 40, until: 0, value: 8 }], coarse), ago(20, 10));
    assert.deepEqual([plan.writes.isEmpty, plan.kept], [true, 10]);
  });

  it('refuses a window that ends before it begins, and files that cannot be matched', () => {
    for (const window of [ago(10, 20), ago(10, 10), { from: Number.NaN, until: NOW, erase: false }])
      assert.throws(() => planWindow({ local: bad, source: good, window, now: NOW }), InvalidOptionError);
    const options = { window: ago(20, 10), now: NOW };
    const sideOf = (side: string) => (error: unknown) => error instanceof FillRefusedError && error.side === side;
    assert.throws(() => planWindow({ local: bad.subarray(0, 90), source: good, ...options }), sideOf('local'));
    assert.throws(() => planWindow({ local: bad, source: good.subarray(0, 90), ...options }), sideOf('source'));
  });
});
