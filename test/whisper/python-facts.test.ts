import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { codeOf } from '../../lib/common/errors.ts';
import { type AggregationMethod, consolidate } from '../../lib/whisper/aggregation.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { knownPoints, whisperInfo } from '../../lib/whisper/info.ts';
import { Ring } from '../../lib/whisper/points.ts';
import { update, updateMany } from '../../lib/whisper/update.ts';
import { fetchPoints } from './fetch.ts';

const NOW = 1_700_000_000 - (1_700_000_000 % 300);

function file(xFilesFactor = 0.5, aggregation: AggregationMethod = 'average'): Uint8Array {
  return createWhisper(
    [
      { secondsPerPoint: 60, points: 10 },
      { secondsPerPoint: 300, points: 10 },
    ],
    { xFilesFactor, aggregation },
  );
}

function ring(bytes: Uint8Array, level: number): Ring {
  const archive = parseHeader(bytes).archives[level];
  assert.ok(archive);
  return new Ring(bytes, archive);
}

function aggregate(aggregation: AggregationMethod, values: readonly (number | undefined)[]): number | undefined {
  return consolidate({ aggregation, xFilesFactor: 0 }, values);
}

/** Each of these was measured against python3-whisper 1.1.4. */
describe('facts about Whisper that reimplementations miss', () => {
  it('ring offsets take the floor modulo: a point older than the base lands before it', () => {
    const bytes = file();
    update(bytes, { value: 1, timestamp: NOW, now: NOW });
    update(bytes, { value: 2, timestamp: NOW - 60, now: NOW });
    assert.equal(ring(bytes, 0).timestampAt(0), NOW);
    assert.equal(ring(bytes, 0).timestampAt(9), NOW - 60);
  });

  it('xFilesFactor is a float32: 3 known of 10 are fewer than a stored 0.3', () => {
    for (const [xFilesFactor, expected] of [
      [0.3, undefined],
      [0.25, 1],
    ] as const) {
      const bytes = createWhisper(
        [
          { secondsPerPoint: 10, points: 10 },
          { secondsPerPoint: 100, points: 10 },
        ],
        { xFilesFactor },
      );
      const start = NOW - (NOW % 100);
      for (const i of [0, 1, 2]) update(bytes, { value: 1, timestamp: start + i * 10, now: start + 90 });
      assert.equal(ring(bytes, 1).get(start), expected);
    }
  });

  it('sum and average add left to right from 0, so that -0 becomes 0', () => {
    assert.ok(Object.is(aggregate('sum', [-0, -0]), 0));
    assert.ok(Object.is(aggregate('average', [-0]), 0));
    assert.equal(
      aggregate('sum', Array<number>(10).fill(0.1)),
      0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1,
    );
    assert.equal(aggregate('sum', [1e16, 1, -1e16]), 0);
  });

  it('the first of equal values wins in max, min, absmax and absmin', () => {
    assert.ok(Object.is(aggregate('max', [-0, 0]), -0));
    assert.ok(Object.is(aggregate('min', [0, -0]), 0));
    assert.equal(aggregate('absmax', [-3, 3]), -3);
    assert.equal(aggregate('absmin', [3, -3]), 3);
  });

  it('NaN wins or loses depending on its position', () => {
    assert.ok(Number.isNaN(aggregate('max', [Number.NaN, 1])));
    assert.equal(aggregate('max', [1, Number.NaN]), 1);
    assert.ok(Number.isNaN(aggregate('absmin', [Number.NaN, 1])));
    assert.equal(aggregate('absmin', [1, Number.NaN]), 1);
  });

  it('avg_zero counts unknown slots as zeros, and last takes the last known', () => {
    assert.equal(aggregate('avg_zero', [4, undefined, undefined, 4]), 2);
    assert.equal(aggregate('last', [4, 5, undefined]), 5);
  });

  it('update_many keeps the first of equal timestamps, and the latest timestamp of an interval', () => {
    const bytes = file();
    const points = [
      { timestamp: NOW - 60, value: 1 },
      { timestamp: NOW - 60, value: 2 },
      { timestamp: NOW - 100, value: 3 },
      { timestamp: NOW - 90, value: 4 },
      { timestamp: NOW - 110, value: 5 },
    ];
    updateMany(bytes, points, { now: NOW });
    assert.equal(ring(bytes, 0).get(NOW - 60), 1);
    assert.equal(ring(bytes, 0).get(NOW - 120), 4);
  });

  it('update_many accepts points in the future and as old as a retention, and drops older ones', () => {
    const bytes = file();
    const points = [60, -600, -3000, -3001].map((age) => ({ timestamp: NOW + age, value: age }));
    updateMany(bytes, points, { now: NOW });
    assert.deepEqual(
      knownPoints(bytes, ring(bytes, 0).archive).map((point) => point.timestamp),
      [NOW - 600, NOW + 60],
    );
    assert.equal(ring(bytes, 1).get(NOW - 3000), -3000);
  });

  it('update_many never overwrites the next archive, unlike Whisper for more points than slots', () => {
    const bytes = file(1);
    update(bytes, { value: 5, timestamp: NOW - 2100, now: NOW });
    update(bytes, { value: 5, timestamp: NOW - 540, now: NOW });
    const points = Array.from({ length: 25 }, (_, i) => ({ timestamp: NOW - 600 + i * 60, value: i }));
    updateMany(bytes, points, { now: NOW });
    assert.deepEqual(
      knownPoints(bytes, ring(bytes, 0).archive).map((point) => point.value),
      points.slice(15).map((point) => point.value),
    );
    assert.equal(ring(bytes, 1).get(NOW - 2100), 5);
  });

  it('update rejects points in the future and as old as the longest retention, and changes nothing', () => {
    const bytes = file();
    for (const timestamp of [NOW + 1, NOW - 3000]) {
      assert.throws(
        () => update(bytes, { value: 1, timestamp, now: NOW }),
        (error: unknown) => codeOf(error) === 'WHISPER_NOT_COVERED',
      );
    }
    assert.deepEqual(bytes, file());
    update(bytes, { value: 1, timestamp: NOW - 2999, now: NOW });
    assert.equal(whisperInfo(bytes).archives[1]?.known, 1);
  });

  it('update stops at the first coarser archive that is not written, even if a coarser one could be', () => {
    const bytes = createWhisper(
      [
        { secondsPerPoint: 10, points: 20 },
        { secondsPerPoint: 50, points: 20 },
        { secondsPerPoint: 100, points: 20 },
      ],
      { xFilesFactor: 0.5 },
    );
    const start = NOW - (NOW % 100);
    for (const ago of [0, 10, 20, 30, 40]) ring(bytes, 0).put(start + ago, 1);
    update(bytes, { value: 1, timestamp: start + 50, now: start + 90 });
    assert.equal(ring(bytes, 1).get(start + 50), undefined);
    assert.equal(ring(bytes, 2).get(start), undefined);
  });

  it('a slot with the timestamp of an earlier turn is a gap, in fetch and in aggregation', () => {
    const bytes = file();
    update(bytes, { value: 7, timestamp: NOW - 600, now: NOW - 600 });
    update(bytes, { value: 1, timestamp: NOW + 60, now: NOW + 60 });
    const series = fetchPoints(bytes, { from: NOW - 540, now: NOW + 60 });
    assert.deepEqual(series?.values, [...Array<undefined>(9).fill(undefined), 1]);
    assert.equal(ring(bytes, 1).get(NOW), undefined);
  });

  it('fetch reads (from, until], and one slot more when that is empty', () => {
    const bytes = file();
    for (const ago of [180, 120, 60, 0]) update(bytes, { value: ago, timestamp: NOW - ago, now: NOW });
    assert.deepEqual(fetchPoints(bytes, { from: NOW - 120, until: NOW, now: NOW }), {
      from: NOW - 60,
      until: NOW + 60,
      step: 60,
      values: [60, 0],
    });
    assert.deepEqual(fetchPoints(bytes, { from: NOW - 120, until: NOW - 120, now: NOW })?.values, [60]);
  });

  it('fetch reads the whole ring when both ends fall on one slot', () => {
    const bytes = file();
    updateMany(bytes, [{ timestamp: NOW, value: 1 }], { now: NOW });
    assert.equal(fetchPoints(bytes, { from: NOW - 600, now: NOW })?.values.length, 10);
    assert.equal(fetchPoints(bytes, { from: NOW - 1200, now: NOW, archive: 60 })?.values.length, 10);
  });

  it('fetch returns nothing for the future and before the longest retention, and rejects invalid ranges', () => {
    const bytes = file();
    assert.equal(fetchPoints(bytes, { from: NOW + 1, until: NOW + 2, now: NOW }), undefined);
    assert.equal(fetchPoints(bytes, { from: 0, until: NOW - 3001, now: NOW }), undefined);
    for (const bad of [
      { from: NOW, until: NOW - 1 },
      { from: NOW - 60, archive: 61 },
    ]) {
      assert.throws(
        () => fetchPoints(bytes, { ...bad, now: NOW }),
        (error: unknown) => codeOf(error) === 'WHISPER_INVALID_INTERVAL',
      );
    }
  });

  it('an archive is empty if slot 0 has timestamp 0, whatever the other slots hold', () => {
    const bytes = file();
    update(bytes, { value: 1, timestamp: NOW, now: NOW });
    update(bytes, { value: 1, timestamp: NOW - 60, now: NOW });
    new DataView(bytes.buffer).setUint32(ring(bytes, 0).archive.offset, 0);
    assert.deepEqual(fetchPoints(bytes, { from: NOW - 600, now: NOW })?.values, Array<undefined>(10).fill(undefined));
    assert.equal(whisperInfo(bytes).archives[0]?.known, 0);
  });

  it('a truncated file is damaged for every function, although Whisper reads it without an error', () => {
    const cut = file().subarray(0, 200);
    const uses = [
      () => fetchPoints(cut, { from: NOW - 60, now: NOW }),
      () => update(cut, { value: 1, now: NOW }),
      () => updateMany(cut, [{ timestamp: NOW, value: 1 }], { now: NOW }),
      () => whisperInfo(cut),
    ];
    for (const use of uses) assert.throws(use, (error: unknown) => codeOf(error) === 'WHISPER_DAMAGED');
  });

  it('a timestamp that no slot can hold changes nothing', () => {
    const bytes = file();
    for (const timestamp of [-1, 2 ** 32, Number.NaN]) {
      const points = [
        { timestamp: NOW, value: 1 },
        { timestamp, value: 1 },
      ];
      assert.throws(
        () => updateMany(bytes, points, { now: NOW }),
        (error: unknown) => codeOf(error) === 'WHISPER_INVALID_POINT',
      );
    }
    assert.deepEqual(bytes, file());
  });
});

describe('whisperInfo', () => {
  it('counts the points of each archive, and with a clock only those inside its retention', () => {
    const bytes = file(0);
    update(bytes, { value: 1, timestamp: NOW - 700, now: NOW - 700 });
    update(bytes, { value: 2, timestamp: NOW, now: NOW });
    const old = NOW - 700 - ((NOW - 700) % 60);
    const { known, oldest, newest } = whisperInfo(bytes).archives[0] ?? {};
    assert.deepEqual({ known, oldest, newest }, { known: 2, oldest: old, newest: NOW });
    assert.equal(whisperInfo(bytes, { now: NOW + 0.9 }).archives[0]?.known, 1);
    assert.equal(whisperInfo(bytes, { now: NOW }).archives[1]?.known, 2);
    assert.equal(whisperInfo(file()).archives[0]?.oldest, undefined);
  });
});
