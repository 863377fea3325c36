import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Compressor } from '../../lib/compress/codec.ts';
import { createCompressor, createDecompressor, readingEngines } from '../../lib/compress/engine.ts';
import { assertRefused, assertRightOrRefused, GENEROUS } from './damage.ts';
import { archiveBytes, ascii, flipped, join, noise } from './sample.ts';

const writers: readonly Compressor[] = await Promise.all(
  readingEngines('zst')
    .filter((engine) => engine !== 'fzstd')
    .map((zstdEngine) => createCompressor({ algorithm: 'zst', zstdEngine })),
);

/** The output of zstd 1.5.4 for `goldenContent` with `-3 --stream-size=24`: one block, size and checksum. */
const golden = Uint8Array.of(
  ...[0x28, 0xb5, 0x2f, 0xfd, 0x24, 0x18, 0x7d, 0x00, 0x00, 0x48, 0x77, 0x68, 0x69, 0x73],
  ...[0x70, 0x65, 0x72, 0x20, 0x0a, 0x01, 0x00, 0xeb, 0x0a, 0x17, 0x99, 0x57, 0x0e, 0x42],
);
const goldenContent = ascii('whisper whisper whisper\n');

const contents: Readonly<Record<string, Uint8Array>> = {
  'no byte': new Uint8Array(0),
  'one byte': ascii('x'),
  'a small archive': archiveBytes(60),
  'a file as carbon makes it': archiveBytes(18_840),
  '5 MB of points': archiveBytes(416_667),
  '5 MB of zeros': new Uint8Array(5_000_000),
  'what cannot be compressed': noise(300_000),
};

/** A frame of 18,432 run-length blocks of 128 KiB: 2.25 GiB of zeros in 74 KB. The window is 128 KiB. */
function bomb(): Uint8Array {
  const header = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38);
  const block = (last: boolean) => {
    const bits = (last ? 1 : 0) | (1 << 1) | ((128 * 1024) << 3);
    return Uint8Array.of(bits & 0xff, (bits >> 8) & 0xff, bits >> 16, 0);
  };
  return join(header, ...Array.from({ length: 18_431 }, () => block(false)), block(true));
}

/** The frame as `zstd --ultra --long=31` writes it when it does not know the size: with a window of 2 GiB. */
function withLongWindow(packed: Uint8Array): Uint8Array {
  const descriptor = packed[4] ?? 0;
  const isSingle = (descriptor & 0x20) !== 0;
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const header = 5 + (isSingle ? 0 : 1) + sizeBytes;
  return join(packed.subarray(0, 4), Uint8Array.of(descriptor & 4, 21 << 3), packed.subarray(header));
}

describe('zstd compressors of one thread', () => {
  it('do not affect the output of another compressor with another level', async () => {
    const content = archiveBytes(18_840);
    for (const { engine } of writers) {
      const compressed = async (level: number) =>
        (await createCompressor({ algorithm: 'zst', zstdEngine: engine, level })).compress(content);
      const before = [await compressed(1), await compressed(5)];
      await compressed(3);
      assert.deepEqual([await compressed(1), await compressed(5)], before);
    }
  });
});

for (const engine of readingEngines('zst')) {
  const decompressor = await createDecompressor({ algorithm: 'zst', engine });

  describe(`zstd read by ${engine}`, () => {
    it('reads a frame of the reference program', () => {
      assert.deepEqual(decompressor.decompress(golden, GENEROUS), goldenContent);
    });

    it('is damaged if the reference frame is truncated, or any byte of it is changed', () => {
      for (let end = 0; end < golden.length; end++) assertRefused(decompressor, golden.subarray(0, end));
      for (let at = 0; at < golden.length; at++) {
        for (let bit = 1; bit < 256; bit *= 2) {
          assertRightOrRefused(decompressor, flipped(golden, at, bit), goldenContent);
        }
      }
      for (let at = golden.length - 4; at < golden.length; at++) assertRefused(decompressor, flipped(golden, at, 1));
    });

    for (const writer of writers) {
      for (const [name, content] of Object.entries(contents)) {
        it(`reads the output of ${writer.engine}: ${name}`, () => {
          const packed = writer.compress(content);
          const back = decompressor.decompress(packed, { maxBytes: content.length });
          assert.equal(Buffer.compare(back, content), 0);
          assert.equal(back.buffer.byteLength, back.length);
        });
      }

      it(`never returns wrong bytes if a byte of the output of ${writer.engine} is changed`, () => {
        const content = archiveBytes(40);
        const packed = writer.compress(content);
        fc.assert(
          fc.property(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
            assertRightOrRefused(decompressor, flipped(packed, at, bits), content);
          }),
          { numRuns: 500 },
        );
        for (let end = 0; end < packed.length; end++) assertRefused(decompressor, packed.subarray(0, end));
      });
    }

    it('joins frames and ignores skippable ones', () => {
      const skippable = Uint8Array.of(0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9);
      const joined = join(skippable, golden, skippable, golden);
      assert.deepEqual(decompressor.decompress(joined, GENEROUS), join(goldenContent, goldenContent));
    });

    it('is damaged if other data follows the last frame, or if it is empty', () => {
      assertRefused(decompressor, join(golden, ascii('x')));
      assertRefused(decompressor, join(golden, new Uint8Array(8)));
      assertRefused(decompressor, new Uint8Array(0));
      assertRefused(decompressor, ascii('not zstd at all'));
    });

    it('stops at the bound', () => {
      assertRefused(decompressor, golden, { maxBytes: goldenContent.length - 1 }, 'COMPRESSION_TOO_LARGE');
      assertRefused(decompressor, golden, { maxBytes: 100, sizeOf: () => 5 }, 'COMPRESSION_TOO_LARGE');
      const start = performance.now();
      assertRefused(decompressor, bomb(), { maxBytes: 8 * 1024 * 1024 }, 'COMPRESSION_TOO_LARGE');
      assertRefused(decompressor, bomb(), { maxBytes: 2 ** 31, sizeOf: () => 1e6 }, 'COMPRESSION_TOO_LARGE');
      assert.ok(performance.now() - start < 10_000);
    });

    it('calls sizeOf once, with at least 4 KiB', () => {
      const heads: number[] = [];
      assertRefused(
        decompressor,
        bomb(),
        {
          maxBytes: 2 ** 31,
          sizeOf: (head) => {
            heads.push(head.length);
            return 200_000;
          },
        },
        'COMPRESSION_TOO_LARGE',
      );
      assert.ok(heads.length === 1 && (heads[0] ?? 0) >= 4096);
    });

    it('reads a frame with any window size if its content is small', () => {
      const emptyLastRawBlock = [1, 0, 0];
      const frame = (window: number) => Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, window << 3, ...emptyLastRawBlock);
      for (const window of [0, 17, 18, 20, 21, 31]) {
        assert.deepEqual(decompressor.decompress(frame(window), GENEROUS), new Uint8Array(0));
      }
      const content = join(archiveBytes(20_000), archiveBytes(20_000));
      const [writer] = writers;
      assert.ok(writer);
      const packed = withLongWindow(writer.compress(content));
      assert.deepEqual(decompressor.decompress(packed, GENEROUS), content);
      assert.deepEqual(decompressor.decompress(join(golden, packed), GENEROUS), join(goldenContent, content));
      assertRefused(decompressor, flipped(packed, packed.length - 1, 1));
      assertRefused(decompressor, packed, { maxBytes: content.length - 1 }, 'COMPRESSION_TOO_LARGE');
    });

    it('rejects a frame with a window of a gigabyte if its content may need it', () => {
      const long = bomb();
      long[5] = 20 << 3;
      assertRefused(decompressor, long, GENEROUS);
    });
  });
}

for (const writer of writers) {
  describe(`zstd by ${writer.engine}`, () => {
    it('is deterministic, with content size and checksum in the frame', () => {
      const content = archiveBytes(5000);
      const packed = writer.compress(content);
      assert.deepEqual(writer.compress(content), packed);
      const descriptor = packed[4] ?? 0;
      assert.notEqual(descriptor & 0x04, 0, 'checksum');
      assert.ok(descriptor >> 6 > 0 || (descriptor & 0x20) !== 0, 'content size');
      assert.equal(packed.buffer.byteLength, packed.length);
    });
  });
}
