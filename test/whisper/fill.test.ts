import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InvalidOptionError } from '../../lib/common/errors.ts';
import type { AggregationMethod } from '../../lib/whisper/aggregation.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { FillRefusedError } from '../../lib/whisper/errors.ts';
import { planFill } from '../../lib/whisper/fill.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { Ring } from '../../lib/whisper/points.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { applyFill } from './apply-fill.ts';
import { fetchPoints } from './fetch.ts';

/** The start of an hour. */
const NOW = 1_700_002_800;

interface Making {
  readonly archives?: readonly [number, number][];
  readonly aggregation?: AggregationMethod;
  readonly xFilesFactor?: number;
  /** For each archive, points by their age at NOW in slots. */
  readonly points?: readonly Readonly<Record<number, number>>[];
}

function ringOf(bytes: Uint8Array, level: number): Ring {
  const archive = parseHeader(bytes).archives[level];
  assert.ok(archive);
  return new Ring(bytes, archive);
}

/** A file with points put where they are wanted, without propagation. */
function make({ archives = [[60, 60]], aggregation = 'sum', xFilesFactor = 0.5, points = [] }: Making): Uint8Array {
  const bytes = createWhisper(
    archives.map(([secondsPerPoint, count]) => ({ secondsPerPoint, points: count })),
    { aggregation, xFilesFactor },
  );
  for (const [level, byAge] of points.entries()) {
    const ring = ringOf(bytes, level);
    const step = ring.archive.secondsPerPoint;
    for (const [age, value] of Object.entries(byAge)) ring.put(NOW - (NOW % step) - Number(age) * step, value);
  }
  return bytes;
}

/** The value in an archive, so many slots ago. */
function at(bytes: Uint8Array, level: number, age: number): number | undefined {
  const ring = ringOf(bytes, level);
  const step = ring.archive.secondsPerPoint;
  return ring.get(NOW - (NOW % step) - age * step);
}

function fill(
  local: Uint8Array,
  source: Uint8Array,
  now = NOW,
): { bytes: Uint8Array; filled: number; reaggregated: number } {
  const plan = planFill({ local, source, now });
  const bytes = local.slice();
  applyFill(bytes, plan);
  assert.ok(planFill({ local: bytes, source, now }).writes.isEmpty);
  return { bytes, filled: plan.filled, reaggregated: plan.reaggregated };
}

const TWO: readonly [number, number][] = [
  [60, 20],
  [300, 24],
];

describe('planFill', () => {
  it('treats 0 and NaN as values: keeps local ones, and fills in those of the backup', () => {
    const local = make({ points: [{ 5: 0, 4: Number.NaN, 3: 0, 2: 0 }] });
    const source = make({ points: [{ 7: 0, 6: Number.NaN, 5: 5, 4: 4, 3: 3, 2: 2 }] });
    const { bytes, filled } = fill(local, source);
    assert.deepEqual(
      [7, 6, 5, 4, 3, 2, 1].map((age) => at(bytes, 0, age)),
      [0, Number.NaN, 0, Number.NaN, 0, 0, undefined],
    );
    assert.equal(filled, 2);
  });

  it('keeps the bits of a value that it copies', () => {
    const source = make({ points: [{ 3: Number.NaN }] });
    const { archive } = ringOf(source, 0);
    source.set([0x7f, 0xf4, 0xde, 0xad, 0xbe, 0xef, 0, 1], archive.offset + 4);
    const { bytes } = fill(make({ points: [{ 1: 1 }] }), source);
    const ring = ringOf(bytes, 0);
    assert.deepEqual(ring.bytesAt(ring.indexOf(NOW - 180)), source.slice(archive.offset, archive.offset + 12));
  });

  it('keeps the first point after a gap', () => {
    const { bytes } = fill(make({ points: [{ 6: 1, 2: 1 }] }), make({ points: [{ 6: 9, 5: 9, 4: 9, 3: 9, 2: 9 }] }));
    assert.deepEqual(
      [6, 5, 4, 3, 2].map((age) => at(bytes, 0, age)),
      [1, 9, 9, 9, 1],
    );
  });

  it('fills a single missing point, the newest slot and the oldest', () => {
    const { bytes, filled } = fill(make({ points: [{ 3: 1, 1: 1 }] }), make({ points: [{ 59: 7, 2: 8, 0: 9 }] }));
    assert.deepEqual([at(bytes, 0, 59), at(bytes, 0, 2), at(bytes, 0, 0)], [7, 8, 9]);
    assert.equal(filled, 3);
  });

  it('ignores points older than the retention or in the future', () => {
    const source = make({ archives: [[60, 200]], points: [{ 60: 1, [-1]: 1 }] });
    assert.equal(planFill({ local: make({ points: [{ 1: 1 }] }), source, now: NOW }).filled, 0);
  });

  it('treats a slot with a point of an earlier turn as a gap', () => {
    const local = make({ points: [{ 65: 4, 0: 1 }] });
    const { bytes, filled } = fill(local, make({ points: [{ 5: 2 }] }));
    assert.equal(filled, 1);
    assert.equal(at(bytes, 0, 5), 2);
    assert.equal(at(bytes, 0, 65), undefined);
  });

  it('ignores points of an earlier turn in the backup', () => {
    const source = make({ points: [{ 65: 4, 0: 1 }] });
    assert.equal(at(fill(make({ points: [{ 1: 1 }] }), source).bytes, 0, 5), undefined);
  });

  it('keeps a slot that holds a local point in the future', () => {
    const local = make({ points: [{ [-3]: 1 }] });
    const { bytes } = fill(local, make({ points: [{ 57: 9, 56: 8 }] }));
    assert.equal(at(bytes, 0, -3), 1);
    assert.equal(at(bytes, 0, 56), 8);
  });

  it('fills an empty file so that Whisper reads each point', () => {
    const { bytes, filled } = fill(make({}), make({ points: [{ 9: 9, 2: 2, 30: 30 }] }));
    assert.equal(filled, 3);
    assert.equal(ringOf(bytes, 0).base, NOW - 30 * 60);
    const series = fetchPoints(bytes, { from: NOW - 600, now: NOW });
    assert.deepEqual(series?.values, [9, ...Array<undefined>(6).fill(undefined), 2, undefined, undefined]);
  });

  it('rounds now down to the second', () => {
    const files = { local: make({ points: [{ 1: 1 }] }), source: make({ points: [{ 0: 2 }] }) };
    assert.equal(planFill({ ...files, now: NOW - 0.1 }).filled, 0);
    assert.equal(planFill({ ...files, now: NOW + 0.9 }).filled, 1);
    for (const now of [Number.NaN, -1, Infinity]) assert.throws(() => planFill({ ...files, now }), InvalidOptionError);
  });

  it('fills a coarser gap from the same archive of the backup, even without finer points', () => {
    const { bytes, filled } = fill(make({ archives: TWO }), make({ archives: TWO, points: [{}, { 20: 5, 3: 6 }] }));
    assert.deepEqual([at(bytes, 1, 20), at(bytes, 1, 3)], [5, 6]);
    assert.equal(filled, 2);
    assert.equal(ringOf(bytes, 0).base, 0);
  });

  it('never spreads a coarser value into finer slots', () => {
    const { filled } = fill(make({ archives: [[60, 60]] }), make({ archives: [[300, 60]], points: [{ 1: 5, 2: 5 }] }));
    assert.equal(filled, 0);
  });

  it('aggregates a finer archive of the backup with the local method and xFilesFactor', () => {
    const source = make({
      archives: [[60, 60]],
      aggregation: 'max',
      xFilesFactor: 0,
      points: [{ 10: 1, 9: 2, 8: 3, 5: 4, 4: 5 }],
    });
    const { bytes, filled } = fill(make({ archives: [[300, 24]], aggregation: 'sum', xFilesFactor: 0.5 }), source);
    assert.deepEqual([at(bytes, 0, 2), at(bytes, 0, 1)], [6, undefined]);
    assert.equal(filled, 1);
  });

  it('aggregates the filled local archive into a coarser gap', () => {
    const { bytes } = fill(
      make({ archives: TWO, points: [{ 10: 1, 9: 2 }] }),
      make({ archives: [[60, 60]], points: [{ 8: 4, 6: 8 }] }),
    );
    assert.equal(at(bytes, 1, 2), 15);
  });

  it('does not aggregate expired points of the local file, which stay in the ring until they are overwritten', () => {
    const local = make({ archives: TWO, xFilesFactor: 0, points: [{ 32: 7, 24: 7, 19: 1 }] });
    const { bytes } = fill(local, make({ archives: TWO }));
    assert.deepEqual(
      [7, 5, 4].map((age) => at(bytes, 1, age)),
      [undefined, undefined, 1],
    );
  });

  it('aggregates only the retained points of the local file into a gap that it covers in part', () => {
    const clock = NOW + 60 * 2;
    const local = make({ archives: TWO, xFilesFactor: 0, points: [{ 20: 5, 17: 1, 16: 2 }] });
    assert.equal(at(fill(local, make({ archives: TWO }), clock).bytes, 1, 4), 3);
  });

  it('aggregates a coarser point again if all its finer slots have points now', () => {
    const local = make({ archives: TWO, points: [{ 10: 1, 9: 1, 8: 1 }, { 2: 77 }] });
    const { bytes, filled, reaggregated } = fill(local, make({ points: [{ 7: 1, 6: 1 }] }));
    assert.equal(at(bytes, 1, 2), 5);
    assert.deepEqual([filled, reaggregated], [2, 1]);
  });

  it('aggregates a coarser point again if it was the aggregate of the old finer points', () => {
    const local = make({ archives: TWO, points: [{ 10: 1, 9: 1, 8: 1 }, { 2: 3 }] });
    assert.equal(at(fill(local, make({ points: [{ 7: 1 }] })).bytes, 1, 2), 4);
  });

  it('counts a coarser gap once, even if it is filled from the backup and then aggregated again', () => {
    const local = make({ archives: TWO, points: [{ 10: 1, 9: 1, 8: 1 }] });
    const source = make({ archives: TWO, points: [{ 7: 1, 6: 1 }, { 2: 2 }] });
    const { bytes, filled, reaggregated } = fill(local, source);
    assert.equal(at(bytes, 1, 2), 5);
    assert.deepEqual([filled, reaggregated], [3, 0]);
  });

  it('keeps a coarser point that is equal in the backup, even if all its finer slots have points now', () => {
    const local = make({ archives: TWO, points: [{ 10: 13, 9: 13, 8: 13 }, { 2: 13 }] });
    const source = make({ archives: TWO, points: [{ 7: 13, 6: 13 }, { 2: 13 }] });
    const { bytes, filled, reaggregated } = fill(local, source);
    assert.equal(at(bytes, 1, 2), 13);
    assert.deepEqual([filled, reaggregated], [2, 0]);
  });

  it('keeps a coarser point that is NaN in both files', () => {
    const local = make({ archives: TWO, points: [{ 10: 1, 9: 1, 8: 1 }, { 2: Number.NaN }] });
    const source = make({ archives: TWO, points: [{ 7: 1, 6: 1 }, { 2: Number.NaN }] });
    assert.equal(at(fill(local, source).bytes, 1, 2), Number.NaN);
  });

  it('keeps coarser points if the aggregation method has changed since the backup', () => {
    const points = (fine: Record<number, number>, coarse: number) => ({ archives: TWO, points: [fine, { 2: coarse }] });
    const local = make({ ...points({ 10: 13, 9: 13, 8: 13 }, 14), aggregation: 'sum' });
    const source = make({ ...points({ 7: 13, 6: 13 }, 13), aggregation: 'average' });
    const { bytes, filled } = fill(local, source);
    assert.equal(at(bytes, 1, 2), 14);
    assert.equal(filled, 2);
  });

  for (const aggregation of ['avg_zero', 'absmax', 'absmin'] as const) {
    it(`keeps coarser points if the method is ${aggregation}, whose number is another method in go-whisper`, () => {
      const local = make({ archives: TWO, aggregation, points: [{ 10: 5, 9: 4, 8: 3 }, { 2: 5 }] });
      const source = make({ archives: TWO, aggregation, points: [{ 7: 9, 6: 0.5 }] });
      assert.equal(at(fill(local, source).bytes, 1, 2), 5);
    });
  }

  it('keeps a coarser point that is not the aggregate of the finer ones', () => {
    const local = make({ archives: TWO, points: [{ 10: 1, 9: 1, 8: 1 }, { 2: 77 }] });
    const { bytes, reaggregated } = fill(local, make({ points: [{ 7: 1 }] }));
    assert.equal(at(bytes, 1, 2), 77);
    assert.equal(reaggregated, 0);
  });

  it('keeps a coarser point if no finer slot inside it was filled', () => {
    const local = make({ archives: TWO, points: [{ 10: 1, 9: 1, 8: 1, 7: 1, 6: 1 }, { 2: 77 }] });
    assert.equal(at(fill(local, make({ points: [{ 3: 1 }] })).bytes, 1, 2), 77);
  });

  it('keeps a coarser point if the finer archive does not cover all of it', () => {
    // The finer archive begins 17 minutes before the hour, and the coarser slot 20 minutes before it.
    const clock = NOW + 2 * 60;
    const local = make({ archives: TWO, points: [{ 17: 1 }, { 4: 1 }], xFilesFactor: 0 });
    const { bytes, filled } = fill(local, make({ points: [{ 16: 1 }] }), clock);
    assert.equal(filled, 1);
    assert.equal(at(bytes, 1, 4), 1);
    const reaching = make({
      archives: [
        [60, 30],
        [300, 24],
      ],
      points: [{ 17: 1 }, { 4: 1 }],
      xFilesFactor: 0,
    });
    assert.equal(at(fill(reaching, make({ points: [{ 16: 1 }] }), clock).bytes, 1, 4), 2);
  });

  it('keeps a coarser point if xFilesFactor is not met', () => {
    const local = make({ archives: TWO, xFilesFactor: 0.9, points: [{ 10: 1, 9: 1, 8: 1 }, { 2: 3 }] });
    assert.equal(at(fill(local, make({ points: [{ 7: 1 }] })).bytes, 1, 2), 3);
  });

  it('propagates a change into all coarser archives', () => {
    const three: readonly [number, number][] = [...TWO, [600, 24]];
    const minutes = (from: number, to: number): Record<number, number> =>
      Object.fromEntries(Array.from({ length: from - to + 1 }, (_, i) => [to + i, 1]));
    const local = make({ archives: three, points: [minutes(10, 3), { 2: 5, 1: 3 }, { 1: 8 }] });
    const { bytes } = fill(local, make({ points: [minutes(2, 0)] }));
    assert.deepEqual([at(bytes, 1, 1), at(bytes, 2, 1)], [5, 10]);
  });

  it('writes the coarsest archive first, adjacent slots in one write, and only changed slots', () => {
    const local = make({ archives: TWO, points: [{ 19: 1, 3: 1, 0: 1 }, { 10: 1 }] });
    const source = make({
      archives: TWO,
      points: [
        { 5: 1, 4: 1, 2: 1, 1: 1 },
        { 9: 9, 8: 8, 6: 6 },
      ],
    });
    const [fine, coarse] = [ringOf(local, 0).archive.offset, ringOf(local, 1).archive.offset];
    const { writes } = planFill({ local, source, now: NOW });
    assert.deepEqual(
      [...writes].map(({ offset, bytes }) => [offset, bytes.length]),
      [
        [coarse + 12, 24],
        [coarse + 48, 12],
        [coarse + 108, 12],
        [fine + 15 * 12, 24],
        [fine + 18 * 12, 24],
      ],
    );
  });

  it('keeps the local header, whatever the schema of the backup', () => {
    const local = make({ archives: TWO, aggregation: 'max', xFilesFactor: 0.1, points: [{ 1: 1 }] });
    const source = make({
      archives: [
        [10, 360],
        [60, 300],
        [3600, 100],
      ],
      aggregation: 'min',
      points: [{}, { 12: 3 }],
    });
    const { bytes } = fill(local, source);
    assert.deepEqual(bytes.subarray(0, 40), local.subarray(0, 40));
    assert.equal(at(bytes, 0, 12), 3);
  });

  it('fills a recreated file with all points of the backup', () => {
    const series = Array.from({ length: 60 }, (_, i) => ({ timestamp: NOW - (59 - i) * 60, value: i }));
    const about: Making = {
      archives: [
        [60, 60],
        [300, 24],
      ],
      aggregation: 'average',
    };
    const whole = make(about);
    for (const point of series) updateMany(whole, [point], { now: point.timestamp });
    const [source, local] = [make(about), make(about)];
    for (const point of series.slice(0, 32)) updateMany(source, [point], { now: point.timestamp });
    for (const point of series.slice(32)) updateMany(local, [point], { now: point.timestamp });
    const { bytes } = fill(local, source);
    for (const archive of [60, 300]) {
      const range = { from: NOW - 3600, now: NOW, archive };
      assert.deepEqual(fetchPoints(bytes, range), fetchPoints(whole, range));
    }
  });

  const refused: [string, Uint8Array, string][] = [
    ['empty', new Uint8Array(0), 'WHISPER_DAMAGED'],
    ['cut', make({}).subarray(0, 300), 'WHISPER_DAMAGED'],
    ['garbage', new Uint8Array(5000).fill(0x55), 'WHISPER_DAMAGED'],
    ['compressed', new TextEncoder().encode('whisper_compressed and more'), 'WHISPER_COMPRESSED'],
  ];
  for (const [what, bytes, code] of refused) {
    it(`rejects a file that is ${what}, on either side`, () => {
      const good = make({ points: [{ 1: 1 }] });
      for (const side of ['local', 'source'] as const) {
        const files = side === 'local' ? { local: bytes, source: good } : { local: good, source: bytes };
        assert.throws(
          () => planFill({ ...files, now: NOW }),
          (error: unknown) => error instanceof FillRefusedError && error.side === side && error.code === code,
        );
      }
    });
  }
});
