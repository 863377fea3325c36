import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { createWhisper } from '../../lib/whisper/create.ts';
import { WhisperDamagedError } from '../../lib/whisper/errors.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { oddityOf } from '../../lib/whisper/oddity.ts';
import { update, updateMany } from '../../lib/whisper/update.ts';
import { damages, rawWhisper, usableOddities, withPoints } from '../fixtures/odd-whisper.ts';
import { seeded } from '../fixtures/seed.ts';
import { mutated } from '../fuzz/mutation.ts';
import { Oracle, type OracleResult, type OracleStep } from '../oracle/oracle.ts';
import { schema } from './arbitrary.ts';
import { fetchPoints } from './fetch.ts';

const NOW = 1_795_348_800;

/** Does the same to our bytes as the oracle does to Python's. */
function perform(bytes: Uint8Array, step: OracleStep): OracleResult {
  if (step.op === 'update') update(bytes, step);
  if (step.op === 'update_many') updateMany(bytes, step.points, step);
  return { series: step.op === 'fetch' ? fetchPoints(bytes, step) : undefined };
}

function isUsable(bytes: Uint8Array): boolean {
  try {
    parseHeader(bytes);
    return true;
  } catch (error) {
    assert.ok(error instanceof WhisperDamagedError);
    return false;
  }
}

/** A number of a header: values that may overflow, and those of other fields. */
const field = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 6, 8, 9, 12, 16, 28, 39, 40, 41, 52, 60, 100, 300, 0x7fffffff, 0x80000000, 0xffffffff),
  fc.nat(1500),
  fc.nat(2 ** 32 - 1),
);

type Change = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

/** Changes of the kind that buggy writers, migrations and bad disks make. */
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(fc.nat(12), field).map(([at, value]) => setting(at, () => value)),
  fc.tuple(fc.nat(12), fc.integer({ min: -2, max: 2 })).map(([at, by]) => setting(at, (old) => old + by)),
  fc.tuple(fc.nat(12), fc.nat(12)).map(([at, from]) => setting(at, (_, view) => numberAt(view, from))),
  fc
    .tuple(fc.nat(2), fc.nat(2), fc.constantFrom(4, 12))
    .map(([a, b, length]) => swapping(16 + a * 12, 16 + b * 12, length)),
  fc.nat(40).map(
    (by): Change =>
      (bytes) =>
        bytes.slice(0, Math.max(0, bytes.length - by)),
  ),
  fc.nat(5000).map(
    (by): Change =>
      (bytes) =>
        new Uint8Array(Buffer.concat([bytes, new Uint8Array(by).fill(7)])),
  ),
);

function numberAt(view: DataView, index: number): number {
  return index * 4 + 4 <= view.byteLength ? view.getUint32(index * 4) : 0;
}

function setting(index: number, to: (old: number, view: DataView) => number): Change {
  return (bytes) => {
    const view = new DataView(bytes.buffer);
    if (index * 4 + 4 <= bytes.length) view.setUint32(index * 4, to(view.getUint32(index * 4), view));
    return bytes;
  };
}

function swapping(a: number, b: number, length: number): Change {
  return (bytes) => {
    const copy = bytes.slice();
    if (Math.max(a, b) + length > bytes.length) return bytes;
    bytes.set(copy.subarray(a, a + length), b);
    bytes.set(copy.subarray(b, b + length), a);
    return bytes;
  };
}

const sound = fc.tuple(schema, fc.boolean()).map(([{ archives, ...options }, isFull]) => {
  const bytes = createWhisper(archives, options);
  return isFull ? withPoints(bytes, NOW - 60) : bytes;
});
const changed = fc
  .tuple(sound, fc.array(change, { minLength: 1, maxLength: 3 }))
  .map(([bytes, changes]) => changes.reduce((data, one) => one(data), new Uint8Array(bytes)));

describe('the inspection of a Whisper file', () => {
  const oracle = new Oracle();
  after(() => oracle.close());

  for (const [what, file] of Object.entries(usableOddities)) {
    it(`is "usable" and odd if python3-whisper can read and update it: ${what}`, async () => {
      const bytes = rawWhisper(file);
      const full = withPoints(bytes.slice(), NOW);
      assert.deepEqual(await oracle.usable([bytes, full], NOW), [true, true]);
      assert.notEqual(oddityOf(parseHeader(full), full.length), undefined);
    });
  }

  for (const [what, file] of Object.entries(usableOddities)) {
    it(`agrees with the points that python3-whisper reads and updates: ${what}`, async () => {
      const bytes = withPoints(rawWhisper(file), NOW, { missing: 3 });
      const all: OracleStep[] = [
        { op: 'fetch', from: NOW - 3600, now: NOW },
        ...[150, 90, 0].map((ago): OracleStep => ({ op: 'update', value: ago, timestamp: NOW - ago, now: NOW })),
        {
          op: 'update_many',
          points: [1, 2, 3, 4, 5].map((i) => ({ timestamp: NOW + i * 60, value: i })),
          now: NOW + 300,
        },
        { op: 'fetch', from: NOW - 3600, now: NOW + 300 },
        ...file.archives.map(
          ({ step }): OracleStep => ({ op: 'fetch', from: NOW - 7200, now: NOW + 300, archive: step }),
        ),
      ];
      const steps = all.filter(
        (step) => step.op !== 'update' || NOW - step.timestamp < (file.maxRetention ?? Infinity),
      );
      const python = await oracle.script({ file: bytes }, steps);
      assert.deepEqual(
        steps.map((step) => perform(bytes, step)),
        python.results,
      );
      assert.deepEqual(bytes, python.file);
    });
  }

  for (const [what, file] of Object.entries(damages)) {
    it(`is "damaged" if python3-whisper cannot, or the file is truncated: ${what}`, async () => {
      const bytes = rawWhisper(file);
      assert.deepEqual(await oracle.usable([bytes], NOW), [false]);
      assert.throws(() => parseHeader(bytes), WhisperDamagedError);
    });
  }

  it('agrees with python3-whisper for many files with changed headers', async () => {
    const files = fc.sample(fc.oneof({ weight: 3, arbitrary: changed }, { weight: 1, arbitrary: mutated(sound) }), {
      ...seeded(3000),
    });
    const expected = await oracle.usable(files, NOW);
    const wrong = files.filter((bytes, i) => isUsable(bytes) !== expected[i]);
    assert.deepEqual(
      wrong.map((bytes) => Buffer.from(bytes.subarray(0, 64)).toString('hex')),
      [],
    );
    const usable = expected.filter(Boolean).length;
    assert.ok(usable > files.length / 10 && usable < files.length * 0.9, `${usable} of ${files.length} are usable`);
  });

  it('reports nothing odd for any file that create makes', () => {
    fc.assert(
      fc.property(sound, (bytes) => {
        assert.equal(oddityOf(parseHeader(bytes), bytes.length), undefined);
      }),
    );
  });
});
