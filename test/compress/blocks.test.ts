import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { blockBytes, compressBlock } from '../../lib/compress/blocks.ts';
import type { Compressor } from '../../lib/compress/codec.ts';
import { createCompressor, createDecompressor, gzipEngines, readingEngines } from '../../lib/compress/engine.ts';

const zstdEngines = readingEngines('zst').filter((engine) => engine !== 'fzstd');
const compressors: readonly Compressor[] = await Promise.all([
  ...gzipEngines().map((gzipEngine) => createCompressor({ gzipEngine })),
  ...zstdEngines.map((zstdEngine) => createCompressor({ algorithm: 'zst', zstdEngine })),
]);
const texts = ['a 1 2\n'.repeat(3000), '', 'the last one'].map((text) => Buffer.from(text));

describe('a stream of blocks', () => {
  for (const compressor of compressors) {
    const algorithm = compressor.algorithm === 'zst' ? 'zst' : 'gz';
    const blocks = texts.map((text) => compressBlock(compressor, text));
    const stream = Buffer.concat(blocks);

    it(`of ${compressor.engine} is one stream for every decompressor`, async () => {
      if (algorithm === 'gz') assert.deepEqual(gunzipSync(stream), Buffer.concat(texts));
      for (const engine of readingEngines(algorithm)) {
        const decompressor = await createDecompressor({ algorithm, engine });
        const all = decompressor.decompress(stream, { maxBytes: 2 ** 20 });
        assert.ok(Buffer.concat(texts).equals(all), engine);
      }
    });

    it(`of ${compressor.engine} has the size of each block at its start`, () => {
      let rest = stream.subarray();
      for (const block of blocks) {
        assert.equal(blockBytes(rest, algorithm), block.length);
        for (let known = 0; known < block.length; known++) {
          const size = blockBytes(rest.subarray(0, known), algorithm);
          assert.ok(size === undefined || size === block.length);
        }
        rest = rest.subarray(block.length);
      }
      assert.equal(rest.length, 0);
    });
  }

  it('may be any other gzip stream, which cannot be split', () => {
    const name = Buffer.concat([Buffer.of(31, 139, 8, 8, 0, 0, 0, 0, 0, 255), Buffer.from('a file name.txt\0')]);
    for (const stream of [gzipSync('some text'), name])
      assert.equal(blockBytes(stream, 'gz'), Number.POSITIVE_INFINITY);
  });
});
