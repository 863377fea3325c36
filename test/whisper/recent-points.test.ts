import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { parseHeader } from '../../lib/whisper/header.ts';
import { alignDown, type Point } from '../../lib/whisper/points.ts';
import { recentPoints } from '../../lib/whisper/recent-points.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { seeded } from '../fixtures/seed.ts';
import { Oracle, type OracleStep } from '../oracle/oracle.ts';
import { now, reachOf, schema, value } from './arbitrary.ts';

function extract(bytes: Uint8Array, from: number, until: number): Point[] {
  const header = parseHeader(bytes);
  return recentPoints((offset, length) => bytes.subarray(offset, offset + length), header, { from, until });
}

/** A file that was written by the slot until `clock`, with gaps; and a time since which to extract. */
const written = fc.record({ about: schema, clock: now }).chain(({ about, clock }) => {
  const step = about.archives[0]?.secondsPerPoint ?? 1;
  const reach = reachOf(about.archives);
  return fc.record({
    about: fc.constant(about),
    clock: fc.constant(clock),
    writes: fc
      .array(fc.option(value, { freq: 4, nil: undefined }), { minLength: 1, maxLength: 60, size: 'max' })
      .map((values) =>
        values.flatMap((one, i): OracleStep[] => {
          const at = clock - (values.length - 1 - i) * step;
          return one === undefined ? [] : [{ op: 'update', value: one, timestamp: at, now: at }];
        }),
      ),
    age: fc.oneof(fc.integer({ min: 0, max: reach + 10 }), fc.integer({ min: 0, max: 10 * step })),
  });
});

describe('the recent points of a file', () => {
  const oracle = new Oracle();
  after(() => oracle.close());

  it('are those that python3-whisper fetches from the finest archive that reaches back to each', async () => {
    let found = 0;
    await fc.assert(
      fc.asyncProperty(written, async ({ about, clock, writes, age }) => {
        const fetches = about.archives.map(
          ({ secondsPerPoint: archive, points }): OracleStep => ({
            ...{ op: 'fetch', from: clock - archive * points, until: clock, now: clock, archive },
          }),
        );
        const { results, file } = await oracle.script(about, [...writes, ...fetches]);
        const from = clock - age;
        const expected: Point[] = [];
        let reach = -1;
        for (const [i, { secondsPerPoint: step, points }] of about.archives.entries()) {
          const result = results[writes.length + i];
          const series = result?.error === undefined ? result?.series : undefined;
          assert.ok(series, 'nothing was fetched');
          for (const [j, one] of series.values.entries()) {
            const timestamp = series.from + j * series.step;
            const isCovered = clock - timestamp > reach && clock - timestamp < step * points;
            const isWanted = timestamp >= alignDown(from, step) && (reach < 0 || from < clock - reach);
            if (one !== undefined && isCovered && isWanted) expected.push({ timestamp, value: one });
          }
          reach = step * points;
        }
        expected.sort((a, b) => a.timestamp - b.timestamp);
        found += expected.length;
        // A fetch leaves out the slot that is exactly as old as the archive reaches.
        const reaches = about.archives.map(({ secondsPerPoint, points }) => secondsPerPoint * points);
        const points = extract(file, from, clock).filter(({ timestamp }) => !reaches.includes(clock - timestamp));
        assert.deepEqual(points, expected);
      }),
      seeded(300),
    );
    assert.ok(found > 300, `only ${found} points`);
  });

  it('go back into the archives from which they came', async () => {
    await fc.assert(
      fc.asyncProperty(written, async ({ about, clock, writes, age }) => {
        const { file } = await oracle.script(about, writes);
        const points = extract(file, clock - age, clock);
        const { file: empty } = await oracle.script(about, []);
        updateMany(empty, points, { now: clock });
        const again = extract(empty, clock - age, clock);
        assert.deepEqual(
          again.filter(({ timestamp }) => points.some((point) => point.timestamp === timestamp)),
          points,
        );
      }),
      seeded(200),
    );
  });

  it('are read with few bytes', () => {
    const bytes = new Uint8Array(1_000_000);
    const view = new DataView(bytes.buffer);
    for (const [i, one] of [1, 86_400 * 7, 0x3f000000, 2, 40, 60, 1440, 17_320, 600, 1008].entries())
      view.setUint32(i * 4, one);
    updateMany(
      bytes,
      Array.from({ length: 1440 }, (_, i) => ({ timestamp: 1_800_000_000 - i * 60, value: i })),
      {
        now: 1_800_000_000,
      },
    );
    let read = 0;
    const readAt = (offset: number, length: number) => {
      read += length;
      return bytes.subarray(offset, offset + length);
    };
    const span = { from: 1_800_000_000 - 3600, until: 1_800_000_000 };
    assert.equal(recentPoints(readAt, parseHeader(bytes), span).length, 61);
    assert.ok(read < 1000, `${read} bytes`);
  });
});
