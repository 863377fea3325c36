import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createCompressor, createDecompressor, gzipEngines } from '../../lib/compress/engine.ts';
import { levels } from '../../lib/compress/levels.ts';
import { assertRefused, assertRightOrRefused, GENEROUS } from './damage.ts';
import { archiveBytes, ascii, flipped, join, noise } from './sample.ts';

const contents: Readonly<Record<string, Uint8Array>> = {
  'no byte': new Uint8Array(0),
  'one byte': ascii('x'),
  'a small archive': archiveBytes(60),
  'one byte less than the head': archiveBytes(400).subarray(0, 4095),
  'exactly the head': archiveBytes(400).subarray(0, 4096),
  'exactly the first buffer': archiveBytes(6000).subarray(0, 65536),
  'a file as carbon makes it': archiveBytes(18_840),
  '5 MB of points': archiveBytes(416_667),
  '5 MB of zeros': new Uint8Array(5_000_000),
  'what cannot be compressed': noise(300_000),
};

/** A member with every optional header field; its CRC-16 is that of the header before it. */
const decoratedHeader = Uint8Array.of(
  ...[0x1f, 0x8b, 8, 0x1e, 1, 2, 3, 4, 0, 3],
  ...[5, 0, 0x1f, 0x8b, 0, 0, 0xff],
  ...ascii('cpu.wsp\0'),
  ...ascii('by hand\0'),
  ...[0x5d, 0x56],
);

/**
 * Incompressible bytes that seem to be fewer the first time that someone asks: the buffer for them will be too small.
 */
class Growing extends Uint8Array {
  #asked = 0;

  override get length(): number {
    return this.#asked++ === 0 ? 0 : super.length;
  }
}

describe('libdeflate output that does not fit into its buffer', () => {
  it('is an error, not an empty backup', async () => {
    const { compress } = await createCompressor({ gzipEngine: 'libdeflate', level: 1 });
    const huge = new Growing(new Uint8Array(noise(40 * 2 ** 20)).buffer);
    assert.throws(() => compress(huge), /libdeflate_gzip_compress failed at level 1 on \d+ bytes/);
  });
});

for (const engine of gzipEngines()) {
  const compressor = await createCompressor({ gzipEngine: engine });
  const decompressor = await createDecompressor({ algorithm: 'gz', engine });

  describe(`gzip by ${engine}`, () => {
    for (const [name, content] of Object.entries(contents)) {
      it(`is decompressed by every engine: ${name}`, async () => {
        const packed = compressor.compress(content);
        for (const other of gzipEngines()) {
          const reader = await createDecompressor({ algorithm: 'gz', engine: other });
          const back = reader.decompress(packed, GENEROUS);
          assert.equal(Buffer.compare(back, content), 0, `decoded by ${other}`);
        }
      });
    }

    it('is decompressed at every level', async () => {
      const content = archiveBytes(2000);
      for (let level = levels[engine].min; level <= levels[engine].max; level++) {
        const leveled = await createCompressor({ gzipEngine: engine, level });
        assert.ok(leveled.compress(content).length < content.length);
        for (const any of [content, noise(100_000), new Uint8Array(0), new Uint8Array(300_000)]) {
          assert.deepEqual(decompressor.decompress(leveled.compress(any), GENEROUS), any);
        }
      }
    });

    it('is decompressed whatever the bytes are', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 2000 }), (content) => {
          assert.deepEqual(decompressor.decompress(compressor.compress(content), GENEROUS), content);
        }),
      );
    });

    it('is deterministic, without time, name or operating system', async () => {
      const content = archiveBytes(5000);
      const first = compressor.compress(content);
      (await createCompressor({ gzipEngine: engine, level: levels[engine].max })).compress(noise(5000));
      assert.deepEqual(compressor.compress(content), first);
      assert.deepEqual((await createCompressor({ gzipEngine: engine })).compress(content), first);
      assert.deepEqual([...first.subarray(0, 8)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
      assert.equal(first[9], 255);
    });

    it('has its own buffer in both directions, and does not change its input', () => {
      for (const points of [0, 10, 20_000]) {
        const content = archiveBytes(points);
        const packed = compressor.compress(content);
        assert.equal(packed.buffer.byteLength, packed.length);
        const before = packed.slice();
        const back = decompressor.decompress(packed, GENEROUS);
        assert.equal(back.buffer.byteLength, back.length);
        assert.deepEqual(packed, before);
        assert.deepEqual(content, archiveBytes(points));
      }
    });

    it('accepts views of larger buffers', () => {
      const content = archiveBytes(1000);
      const around = join(noise(13), content, noise(13));
      const packed = compressor.compress(around.subarray(13, 13 + content.length));
      const padded = join(noise(7), packed, noise(7));
      const back = decompressor.decompress(padded.subarray(7, 7 + packed.length), GENEROUS);
      assert.deepEqual(back, content);
    });
  });

  describe(`gzip read by ${engine}`, () => {
    const content = archiveBytes(40);
    const packed = compressor.compress(content);

    it('joins all members', () => {
      const large = archiveBytes(20_000);
      const members = [packed, compressor.compress(new Uint8Array(0)), compressor.compress(large), packed];
      assert.deepEqual(decompressor.decompress(join(...members), GENEROUS), join(content, large, content));
    });

    it('accepts zero padding after the last member, and nothing else', () => {
      assert.deepEqual(decompressor.decompress(join(packed, new Uint8Array(1)), GENEROUS), content);
      assert.deepEqual(decompressor.decompress(join(packed, new Uint8Array(10_000)), GENEROUS), content);
      for (const junk of [
        ascii('x'),
        ascii('junk'),
        Uint8Array.of(0, 0, 1),
        Uint8Array.of(0x1f),
        packed.subarray(0, 9),
      ]) {
        assertRefused(decompressor, join(packed, junk));
      }
      assertRefused(decompressor, join(packed, new Uint8Array(1), packed));
    });

    it('accepts every optional header field', () => {
      const decorated = join(decoratedHeader, packed.subarray(10));
      assert.deepEqual(decompressor.decompress(decorated, GENEROUS), content);
      assert.deepEqual(decompressor.decompress(join(decorated, decorated), GENEROUS), join(content, content));
    });

    it('is damaged if a checked header field is wrong', () => {
      const decorated = join(decoratedHeader, packed.subarray(10));
      for (let at = 0; at < decoratedHeader.length; at++) assertRefused(decompressor, flipped(decorated, at, 0x20));
      assertRefused(decompressor, flipped(packed, 2, 1));
      assertRefused(decompressor, flipped(packed, 3, 0x80));
    });

    it('is damaged if truncated anywhere', () => {
      const decorated = join(decoratedHeader, packed.subarray(10));
      for (let end = 0; end < decorated.length; end++) assertRefused(decompressor, decorated.subarray(0, end));
      const stored = compressor.compress(noise(200));
      for (let end = 0; end < stored.length; end++) assertRefused(decompressor, stored.subarray(0, end));
    });

    it('is damaged if a byte of magic number, CRC or size is wrong', () => {
      for (const at of [0, 1, ...Array.from({ length: 8 }, (_, i) => packed.length - 8 + i)]) {
        for (const bits of [1, 0x80, 0xff]) assertRefused(decompressor, flipped(packed, at, bits));
      }
    });

    it('never returns wrong bytes, whichever byte is changed', () => {
      const two = join(packed, compressor.compress(noise(100)));
      const both = join(content, noise(100));
      fc.assert(
        fc.property(fc.nat(two.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
          assertRightOrRefused(decompressor, flipped(two, at, bits), both);
        }),
        { numRuns: 1000 },
      );
    });

    it('never returns output for random bytes after a header', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), (body) => {
          assertRefused(decompressor, join(packed.subarray(0, 10), body));
        }),
        { numRuns: 500 },
      );
    });

    it('is damaged if it is empty, or only zeros', () => {
      assertRefused(decompressor, new Uint8Array(0));
      assertRefused(decompressor, new Uint8Array(100));
    });
  });
}
