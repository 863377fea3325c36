import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { POINT_SIZE, parseHeader } from '../../lib/whisper/header.ts';
import type { Window } from '../../lib/whisper/time-window.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { planWindow } from '../../lib/whisper/window.ts';
import { seeded } from '../fixtures/seed.ts';
import { Oracle } from '../oracle/oracle.ts';
import { reachOf, value } from './arbitrary.ts';
import { type FillCase, fillCase } from './file-arbitrary.ts';
import { type ModelFile, modelOf, slotsOf } from './fill-model.ts';
import { modelWindow } from './window-model.ts';

/** Few values, so that aggregates and points often coincide. */
const coarseValue = fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constant(Number.NaN), value);

interface WindowCase extends FillCase {
  readonly window: Window;
}

/** Windows anywhere in the retention and a little after now, of any length. */
function withWindow(files: fc.Arbitrary<FillCase>): fc.Arbitrary<WindowCase> {
  return files.chain((found) => {
    const { archives } = parseHeader(found.local);
    const finest = archives[0]?.secondsPerPoint ?? 1;
    const age = fc.oneof(
      fc.integer({ min: -4 * finest, max: 30 * finest }),
      fc.integer({ min: 0, max: reachOf(archives) + 10 }),
    );
    const length = fc.oneof(fc.integer({ min: 1, max: 30 * finest }), fc.integer({ min: 1, max: reachOf(archives) }));
    return fc.record({ age, length, erase: fc.boolean() }).map(({ age, length, erase }) => {
      const from = found.now - age;
      return { ...found, window: { from, until: from + length, erase } };
    });
  });
}

const windowCase = withWindow(fillCase(coarseValue));

function restored(files: WindowCase): Uint8Array {
  const bytes = files.local.slice();
  for (const write of planWindow(files).writes) bytes.set(write.bytes, write.offset);
  return bytes;
}

/** Points of each archive, oldest first, without the base of an archive whose first slot was emptied. */
function pointsOf(file: ModelFile): [number, number][][] {
  return file.archives.map(({ points, retention }) =>
    [...points].filter(([time]) => time > retention).sort((a, b) => a[0] - b[0]),
  );
}

describe('the rules of a window', () => {
  const oracle = new Oracle();
  after(() => oracle.close());

  it('match a simple model', () => {
    fc.assert(
      fc.property(windowCase, (files) => {
        const { local, source, window, now } = files;
        const expected = modelWindow(modelOf(local), modelOf(source), window, now);
        assert.deepEqual(pointsOf(modelOf(restored(files))), pointsOf(expected.file));
        const { left, leftSlots } = planWindow(files);
        assert.deepEqual([left, leftSlots], [expected.left.slice(0, 100), expected.left.length]);
      }),
      seeded(800),
    );
  });

  it('change no byte of a slot outside the window', () => {
    fc.assert(
      fc.property(windowCase, (files) => {
        const { local, window } = files;
        const bytes = restored(files);
        const { archives } = parseHeader(local);
        const finest = archives[0]?.secondsPerPoint ?? 1;
        const times = (content: Uint8Array) => new DataView(content.buffer, content.byteOffset, content.byteLength);
        const headerBytes = Math.min(...archives.map(({ offset }) => offset));
        assert.deepEqual(bytes.subarray(0, headerBytes), local.subarray(0, headerBytes));
        for (const { offset, points, secondsPerPoint } of archives) {
          for (let at = offset; at < offset + points * POINT_SIZE; at += POINT_SIZE) {
            if (Buffer.compare(bytes.subarray(at, at + POINT_SIZE), local.subarray(at, at + POINT_SIZE)) === 0)
              continue;
            const overlaps = [times(local).getUint32(at), times(bytes).getUint32(at)].some((time) => {
              const step = Math.max(secondsPerPoint, finest);
              return time < Math.ceil(window.until / finest) * finest && time + step > window.from;
            });
            assert.ok(overlaps, `the slot at byte ${at}`);
            if (secondsPerPoint > finest) continue;
            const [old, made] = [times(local).getUint32(at), times(bytes).getUint32(at)];
            const isInside = (time: number) => time >= window.from && time < window.until;
            assert.ok(isInside(old) || isInside(made), `the finest slot at byte ${at}`);
          }
        }
      }),
      seeded(400),
    );
  });

  it('leave inside the window, with --erase, what python3-whisper reads in the backup', async () => {
    const sameSchema = windowCase.filter(({ local, source }) => {
      const [one, other] = [parseHeader(local), parseHeader(source)];
      return JSON.stringify(one.archives) === JSON.stringify(other.archives);
    });
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(sameSchema, async (files) => {
        const { local, source, now } = files;
        const window = { ...files.window, erase: true };
        const bytes = restored({ ...files, window });
        for (const [level, archive] of modelOf(local).archives.entries()) {
          const { step, retention } = archive;
          const finest = parseHeader(local).archives[0]?.secondsPerPoint ?? 1;
          const [first, end] = [window.from, window.until].map((time) => Math.ceil(time / finest) * finest);
          const slots = slotsOf(archive, now).filter((slot) => slot >= (first ?? 0) && slot + step <= (end ?? 0));
          const [begin, last] = [slots[0], slots.at(-1)];
          if (begin === undefined || last === undefined) continue;
          // A fetch begins after this time.
          const fetch = { op: 'fetch', from: begin - step, until: last, now, archive: step } as const;
          const seriesOf = async (file: Uint8Array) => {
            const [result] = (await oracle.script({ file }, [fetch])).results;
            assert.ok(result?.error === undefined);
            return result?.series?.values ?? [];
          };
          const [found, expected] = [await seriesOf(bytes), await seriesOf(source)];
          for (const [i, slot] of slots.entries()) {
            const ahead = [...archive.points.keys()].some((time) => time > slot && (time - slot) % retention === 0);
            // What the backup does not have of a coarser slot may be the aggregate of its finer points.
            if (ahead || (expected[i] === undefined && level > 0)) continue;
            assert.ok(Object.is(found[i], expected[i]), `archive ${level}, ${slot}: ${found[i]}, not ${expected[i]}`);
            compared++;
          }
        }
      }),
      seeded(150),
    );
    assert.ok(compared > 100, `${compared} slots were compared`);
  });

  it('lead to a file that python3-whisper writes to like any other, also if the first slot was emptied', async () => {
    let emptied = 0;
    await fc.assert(
      fc.asyncProperty(windowCase, value, async (files, added) => {
        const bytes = restored(files);
        const isEmptied = parseHeader(bytes).archives.some(({ offset, retention }) => {
          const base = new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset);
          return base !== 0 && base <= retention;
        });
        fc.pre(isEmptied);
        emptied++;
        const { now } = files;
        const points = [0, 3, 7].map((i) => ({ timestamp: now - i * 60, value: added }));
        const { file } = await oracle.script({ file: bytes }, [{ op: 'update_many', points, now }]);
        updateMany(bytes, points, { now });
        assert.deepEqual(file, bytes);
      }),
      seeded(40),
    );
    assert.ok(emptied >= 40);
  });

  it('change no byte in a second run, and no byte of the arguments', () => {
    fc.assert(
      fc.property(windowCase, (files) => {
        const [local, source] = [files.local.slice(), files.source.slice()];
        assert.ok(planWindow({ ...files, local: restored(files) }).writes.isEmpty);
        assert.deepEqual([files.local, files.source], [local, source]);
      }),
      seeded(400),
    );
  });

  it('have the same result when interrupted after any write and run again', () => {
    fc.assert(
      fc.property(windowCase, fc.nat(), (files, stop) => {
        const writes = [...planWindow(files).writes];
        const cut = files.local.slice();
        for (const write of writes.slice(0, stop % (writes.length + 1))) cut.set(write.bytes, write.offset);
        assert.deepEqual(restored({ ...files, local: cut }), restored(files));
      }),
      seeded(400),
    );
  });

  it('count every changed slot', () => {
    fc.assert(
      fc.property(windowCase, (files) => {
        const { writes, filled, replaced, erased } = planWindow(files);
        const changed = [...writes].reduce((sum, { bytes }) => sum + bytes.length / POINT_SIZE, 0);
        // A point of the future may be erased, and the older one of its slot filled in.
        assert.ok(filled + replaced + erased >= changed && Math.max(filled + replaced, erased) <= changed);
        if (!files.window.erase) assert.equal(erased, 0);
      }),
      seeded(300),
    );
  });
});
