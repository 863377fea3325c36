import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { Algorithm } from '../../lib/compress/codec.ts';
import { createCompressor, createDecompressor, gzipEngines, readingEngines } from '../../lib/compress/engine.ts';
import { metricFile } from '../fixtures/metric.ts';
import { casesOf } from '../fixtures/reliability.ts';
import { bombs, join } from '../hostile/bomb.ts';
import { inMemory } from '../hostile/memory.ts';
import { fuzz, inputsTried, typed } from './fuzz.ts';
import { mutated } from './mutation.ts';

const it = casesOf('fuzz', inputsTried);

const MIB = 2 ** 20;

const contents = [
  new Uint8Array(0),
  Uint8Array.of(1),
  metricFile(),
  join(...Array.from({ length: 30 }, (_, i) => metricFile(i))),
  new Uint8Array(100_000),
];
const whole = fc.constantFrom(...contents);

const gzipWriters = await Promise.all(
  gzipEngines().map((gzipEngine) => createCompressor({ gzipEngine, level: 'fastest' })),
);
const zstdWriter = await createCompressor({ algorithm: 'zst' });

/** Sound streams of each kind, written by every engine that can. */
const sound: Readonly<Record<Algorithm, fc.Arbitrary<Uint8Array>>> = {
  gz: fc.oneof(
    fc.tuple(fc.constantFrom(...gzipWriters), whole).map(([writer, content]) => writer.compress(content)),
    fc.tuple(whole, whole).map(([one, two]) => join(gzipSync(one), gzipSync(two), new Uint8Array(9))),
  ),
  zst: fc.oneof(
    whole.map((content) => zstdWriter.compress(content)),
    whole.map((content) => bombs.zst(content.subarray(0, 1000), 1)),
  ),
  sz: fc.oneof(
    whole.map((content) => bombs.sz(content.subarray(0, 60_000), 0)),
    fc.constant(bombs.sz(metricFile(), 1)),
  ),
};

describe('a changed compressed stream', () => {
  for (const algorithm of ['gz', 'zst', 'sz'] as const) {
    it(`of ${algorithm} has the same result with every engine, within the bound, or a typed error`, async () => {
      const decompressors = await Promise.all(
        readingEngines(algorithm).map((engine) => createDecompressor({ algorithm, engine })),
      );
      await inMemory(512 * MIB, () =>
        fuzz(fc.tuple(mutated(sound[algorithm], 24), fc.constantFrom(100, 5000, 2 * MIB)), 1000, ([data, maxBytes]) => {
          const given = data.slice();
          const results = decompressors.map(({ engine, decompress }) => {
            const output = typed(() => decompress(data, { maxBytes, sizeOf: () => undefined }));
            assert.ok((output?.length ?? 0) <= maxBytes, engine);
            return { engine, output };
          });
          assert.deepEqual(data, given);
          const [first, ...others] = results.filter(({ output }) => output !== undefined);
          for (const { engine, output } of others) {
            const isSame = Buffer.compare(output ?? data, first?.output ?? data) === 0;
            assert.ok(isSame, `${first?.engine} has ${first?.output?.length} bytes, ${engine} has ${output?.length}`);
          }
        }),
      );
    });
  }
});
