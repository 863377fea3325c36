import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { plausibleBytes } from '../../lib/compress/claimed-size.ts';
import { createCompressor, createDecompressor } from '../../lib/compress/engine.ts';
import { join } from '../hostile/bomb.ts';

const data = new Uint8Array(100_000).map((_, i) => i % 251);

describe('plausibleBytes', () => {
  it('returns the size of our own gzip and Zstandard streams', async () => {
    for (const algorithm of ['gz', 'zst'] as const) {
      const compressor = await createCompressor({ algorithm });
      assert.equal(plausibleBytes(algorithm, compressor.compress(data)), data.length);
    }
  });

  it('returns undefined if the stream declares no size or an impossible one, or is truncated', () => {
    const packed = gzipSync(data);
    const wrong = Buffer.from(packed);
    wrong.writeUInt32LE(2 ** 32 - 1, wrong.length - 4);
    const cases = [new Uint8Array(0), packed.subarray(0, 10), wrong, join(packed, new Uint8Array(64))];
    for (const body of cases) assert.equal(plausibleBytes('gz', body), undefined);
    assert.equal(plausibleBytes('zst', packed), undefined);
    assert.equal(plausibleBytes('sz', packed), undefined);
  });
});

describe('decoding into provided memory', () => {
  it('returns the same bytes for one or several members, whatever the memory contained', async () => {
    const members = join(gzipSync(data.subarray(0, 70_000)), gzipSync(data.subarray(70_000)));
    for (const engine of ['libdeflate', 'isal', 'zlib', 'fflate']) {
      const { decompress } = await createDecompressor({ algorithm: 'gz', engine });
      for (const body of [gzipSync(data), members]) {
        const memory = (bytes: number) => new Uint8Array(bytes + 10).fill(7);
        const bound = { maxBytes: data.length, expectedBytes: data.length, memory };
        assert.ok(Buffer.from(data).equals(decompress(body, bound)), engine);
      }
    }
  });
});
