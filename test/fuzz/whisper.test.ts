import assert from 'node:assert/strict';
import { describe } from 'node:test';
import fc from 'fast-check';
import { createWhisper } from '../../lib/whisper/create.ts';
import { planFill } from '../../lib/whisper/fill.ts';
import { parseHeader, sizeOf } from '../../lib/whisper/header.ts';
import { whisperInfo } from '../../lib/whisper/info.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { casesOf } from '../fixtures/reliability.ts';
import { applyFill } from '../whisper/apply-fill.ts';
import { schema } from '../whisper/arbitrary.ts';
import { fetchPoints } from '../whisper/fetch.ts';
import { fuzz, inputsTried, typed } from './fuzz.ts';
import { mutated } from './mutation.ts';

const it = casesOf('fuzz', inputsTried);

const now = 1_795_348_800;

/** Real files with points in them. */
const sound = fc.tuple(schema, fc.nat(40), fc.integer()).map(([{ archives, ...options }, count, salt]) => {
  const bytes = createWhisper(archives, options);
  const step = archives[0]?.secondsPerPoint ?? 1;
  const points = Array.from({ length: count }, (_, i) => ({ timestamp: now - i * step, value: Math.sin(salt + i) }));
  updateMany(bytes, points, { now });
  return bytes;
});
/** Files with a changed header and a fitting size, so that they pass the first check. */
const fitting = mutated(sound).map((bytes) => {
  const size = sizeOf(bytes);
  if (size === undefined || size > 1e6 || size === bytes.length) return bytes;
  const fitted = new Uint8Array(size);
  fitted.set(bytes.subarray(0, size));
  return fitted;
});
const file = fc.oneof(mutated(sound), fitting);

describe('any bytes as a Whisper file', () => {
  it('are parsed, or rejected with a typed error', () =>
    fuzz(file, 4000, (bytes) => {
      const before = bytes.slice();
      const header = typed(() => parseHeader(bytes));
      assert.equal(header === undefined ? undefined : sizeOf(bytes), header?.size);
      const info = typed(() => whisperInfo(bytes));
      assert.equal(info?.archives.length, header?.archives.length);
      for (const from of [0, now - 3600, now]) {
        const series = typed(() => fetchPoints(bytes, { from, now }));
        assert.ok((series?.values.length ?? 0) <= bytes.length / 12);
      }
      assert.deepEqual(bytes, before);
    }));

  it('fill a file by the rules, or not at all', () =>
    fuzz(fc.tuple(file, fc.oneof(file, sound)), 2500, ([source, local]) => {
      const plan = typed(() => planFill({ local, source, now }));
      if (!plan) return;
      const { size, archives } = parseHeader(local);
      const first = archives[0]?.offset ?? 0;
      const filled = local.slice();
      for (const { offset, bytes } of plan.writes) assert.ok(offset >= first && offset + bytes.length <= size);
      applyFill(filled, plan);
      assert.deepEqual(filled.subarray(0, first), local.subarray(0, first));
      parseHeader(filled);
    }));
});
