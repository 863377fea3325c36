import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { planFill } from '../../lib/whisper/fill.ts';
import { POINT_SIZE, parseHeader } from '../../lib/whisper/header.ts';
import { Oracle } from '../oracle/oracle.ts';
import { applyFill } from './apply-fill.ts';
import { schema, value } from './arbitrary.ts';
import { fetchPoints } from './fetch.ts';
import { type FillCase, fillCase, lostAndMadeAnew } from './file-arbitrary.ts';
import { aggregateInside, type ModelFile, modelFill, modelOf, slotsOf } from './fill-model.ts';

/** Few values, so that aggregates and points often coincide. */
const coarseValue = fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constant(Number.NaN), value);

function filledBytes(files: FillCase): Uint8Array {
  const bytes = files.local.slice();
  applyFill(bytes, planFill(files));
  return bytes;
}

/** Points of each archive, oldest first. */
function pointsOf(file: ModelFile): [number, number][][] {
  return file.archives.map((archive) => [...archive.points].sort((a, b) => a[0] - b[0]));
}

/** The local file as a crash leaves it after some of the writes. */
function cutShort(files: FillCase, stop: number): Uint8Array {
  const writes = [...planFill(files).writes];
  const bytes = files.local.slice();
  for (const write of writes.slice(0, stop % (writes.length + 1))) bytes.set(write.bytes, write.offset);
  return bytes;
}

describe('the rules of a fill', () => {
  const oracle = new Oracle();
  after(() => oracle.close());

  it('match a simple model', () => {
    fc.assert(
      fc.property(fillCase(coarseValue), (files) => {
        const expected = modelFill(modelOf(files.local), modelOf(files.source), files.now);
        const plan = planFill(files);
        assert.deepEqual(pointsOf(modelOf(filledBytes(files))), pointsOf(expected.file));
        assert.deepEqual([plan.filled, plan.reaggregated], [expected.filled, expected.reaggregated]);
      }),
      { numRuns: 600 },
    );
  });

  it('also hold if coarser archives do not reach back further than finer ones', () => {
    const short = fc.tuple(schema, fc.array(fc.integer({ min: 2, max: 8 }), { minLength: 2, maxLength: 2 }));
    const odd = short.map(([about, sizes]) => ({
      ...about,
      archives: about.archives.map((archive, i) => ({ ...archive, points: sizes[i - 1] ?? archive.points })),
    }));
    fc.assert(
      fc.property(fillCase(coarseValue, odd), (files) => {
        const expected = modelFill(modelOf(files.local), modelOf(files.source), files.now);
        const filled = filledBytes(files);
        assert.deepEqual(pointsOf(modelOf(filled)), pointsOf(expected.file));
        assert.ok(planFill({ ...files, local: filled }).writes.isEmpty);
      }),
      { numRuns: 400 },
    );
  });

  it('never change a point of the finest archive inside its retention, or in the future', () => {
    fc.assert(
      fc.property(fillCase(coarseValue), (files) => {
        const before = modelOf(files.local).archives[0];
        const filled = modelOf(filledBytes(files)).archives[0];
        assert.ok(before !== undefined && filled !== undefined);
        const oldest = Math.min(...slotsOf(before, files.now));
        for (const [time, old] of before.points) {
          if (time >= oldest) assert.ok(Object.is(filled.points.get(time), old), `the point at ${time}`);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never remove a point of any archive inside its retention', () => {
    fc.assert(
      fc.property(fillCase(coarseValue), (files) => {
        const filled = modelOf(filledBytes(files)).archives;
        for (const [level, archive] of modelOf(files.local).archives.entries()) {
          const oldest = Math.min(...slotsOf(archive, files.now));
          for (const time of archive.points.keys()) {
            if (time >= oldest) assert.ok(filled[level]?.points.has(time), `archive ${level}, the point at ${time}`);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('fill a gap if and only if the backup has a point, if the finest archives have the same step', () => {
    const oneArchive = schema.map((about) => ({ ...about, archives: about.archives.slice(0, 1) }));
    fc.assert(
      fc.property(fillCase(coarseValue, oneArchive), (files) => {
        const local = modelOf(files.local).archives[0];
        const source = modelOf(files.source).archives[0];
        const filled = modelOf(filledBytes(files)).archives[0];
        assert.ok(local !== undefined && source !== undefined && filled !== undefined);
        fc.pre(local.step === source.step);
        for (const slot of slotsOf(local, files.now)) {
          const ahead = [...local.points.keys()].some((time) => time > slot && (time - slot) % local.retention === 0);
          if (local.points.has(slot) || ahead) continue;
          assert.ok(Object.is(filled.points.get(slot), source.points.get(slot)), `the slot ${slot}`);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('lead to writes that are made while they are read, which do not depend on how often', () => {
    fc.assert(
      fc.property(fillCase(coarseValue), (files) => {
        const { writes } = planFill(files);
        const [once, again] = [[...writes], [...writes]];
        assert.deepEqual(once, again);
        assert.equal(writes.isEmpty, once.length === 0);
        assert.ok(once.every((write, i) => write !== again[i]));
        assert.deepEqual(writes.after, filledBytes(files));
      }),
      { numRuns: 100 },
    );
  });

  it('change no byte in a second run, and no byte of the arguments', () => {
    fc.assert(
      fc.property(fillCase(coarseValue), (files) => {
        const [local, source] = [files.local.slice(), files.source.slice()];
        const filled = filledBytes(files);
        const again = planFill({ ...files, local: filled });
        assert.deepEqual([again.filled, again.reaggregated, again.writes.isEmpty], [0, 0, true]);
        assert.deepEqual([files.local, files.source], [local, source]);
      }),
      { numRuns: 300 },
    );
  });

  it('write only changed slots, coarsest archive first, adjacent ones together, and never the header', () => {
    fc.assert(
      fc.property(fillCase(coarseValue), (files) => {
        const { archives } = parseHeader(files.local);
        const writes = [...planFill(files).writes];
        const places = writes.map(({ offset, bytes }) => {
          const level = archives.findIndex((a) => offset >= a.offset && offset + bytes.length <= a.offset + a.size);
          const first = (offset - (archives[level]?.offset ?? 0)) / POINT_SIZE;
          for (let at = 0; at < bytes.length; at += POINT_SIZE) {
            const old = files.local.subarray(offset + at, offset + at + POINT_SIZE);
            assert.notDeepEqual(bytes.subarray(at, at + POINT_SIZE), old);
          }
          return { level, first, end: first + bytes.length / POINT_SIZE };
        });
        for (const [i, place] of places.entries()) {
          const next = places[i + 1];
          assert.ok(place.level >= 0 && Number.isInteger(place.first) && Number.isInteger(place.end));
          if (next === undefined) continue;
          assert.ok(next.level < place.level || (next.level === place.level && next.first > place.end));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('have the same result when interrupted after any write and run again, for a recreated file', () => {
    fc.assert(
      fc.property(lostAndMadeAnew, fc.nat(), (files, stop) => {
        const again = filledBytes({ ...files, local: cutShort(files, stop) });
        assert.deepEqual(pointsOf(modelOf(again)), pointsOf(modelOf(filledBytes(files))));
      }),
      { numRuns: 400 },
    );
  });

  it('have the same points when interrupted and run again, except for coarser ones aggregated again', () => {
    fc.assert(
      fc.property(fillCase(coarseValue), fc.nat(), (files, stop) => {
        const whole = modelOf(filledBytes(files));
        const again = modelOf(filledBytes({ ...files, local: cutShort(files, stop) }));
        assert.deepEqual(pointsOf(again)[0], pointsOf(whole)[0]);
        for (const [level, archive] of again.archives.entries()) {
          const expected = whole.archives[level]?.points ?? new Map<number, number>();
          assert.deepEqual(new Set(archive.points.keys()), new Set(expected.keys()));
          for (const [time, found] of archive.points) {
            if (Object.is(found, expected.get(time))) continue;
            assert.ok(Object.is(found, aggregateInside(again, level, time)), `archive ${level}, the point at ${time}`);
          }
        }
      }),
      { numRuns: 600 },
    );
  });

  it('lose no old point when interrupted after any write', () => {
    fc.assert(
      fc.property(fillCase(coarseValue), fc.nat(), (files, stop) => {
        const cut = modelOf(cutShort(files, stop)).archives;
        for (const [level, archive] of modelOf(files.local).archives.entries()) {
          const oldest = Math.min(...slotsOf(archive, files.now));
          const points = cut[level]?.points;
          for (const [time, old] of archive.points) {
            if (time < oldest) continue;
            assert.ok(points?.has(time), `archive ${level}, the point at ${time}`);
            if (level === 0) assert.ok(Object.is(points?.get(time), old), `the point at ${time}`);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('result in a file that Python reads identically', async () => {
    await fc.assert(
      fc.asyncProperty(fillCase(coarseValue), async (files) => {
        const filled = filledBytes(files);
        const { archives } = parseHeader(filled);
        const fetches = archives.map((archive) => ({
          op: 'fetch' as const,
          from: files.now - archive.retention,
          now: files.now,
          archive: archive.secondsPerPoint,
        }));
        const { results } = await oracle.script({ file: filled }, fetches);
        assert.deepEqual(
          results,
          fetches.map((fetch) => ({ series: fetchPoints(filled, fetch) })),
        );
      }),
      { numRuns: 200 },
    );
  });
});
