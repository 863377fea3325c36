import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Crc32c } from '@aws-crypto/crc32c';
import fc from 'fast-check';
import snappyjs from 'snappyjs';
import { createDecompressor } from '../../lib/compress/engine.ts';
import { assertRefused, assertRightOrRefused, GENEROUS } from './damage.ts';
import { archiveBytes, ascii, flipped, join, noise } from './sample.ts';

const decompressor = await createDecompressor({ algorithm: 'sz' });

/** Every stream begins with chunk type 0xff, length 6 in three bytes, and the text sNaPpY. */
const identifier = Uint8Array.of(0xff, 6, 0, 0, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59);

/**
 * Type 1 (uncompressed), length 13, then the masked CRC-32C, then `123456789`. The CRC-32C of that text is the check
 * value of the algorithm, 0xe3069283; rotated right by 15 bits it is 0x2507c60d, plus 0xa282ead8 is 0xc78ab0e5, and
 * it is stored with the lowest byte first.
 */
const uncompressed = Uint8Array.of(0x01, 13, 0, 0, 0xe5, 0xb0, 0x8a, 0xc7, ...ascii('123456789'));

/**
 * Type 0 (compressed), length 9, the masked CRC-32C of ten letters a, then a raw block: length 10; a literal (tag 0x00:
 * one byte) `a`; a copy (tag 0x15: 4 + 5 bytes, offset in the next byte) from 1 byte back.
 */
const compressed = Uint8Array.of(0x00, 9, 0, 0, 0x24, 0xb9, 0xe4, 0x6a, 10, 0x00, 0x61, 0x15, 1);

/** Type 0xfe, padding of 3 bytes. */
const padding = Uint8Array.of(0xfe, 3, 0, 0, 1, 2, 3);

const text = ascii('123456789aaaaaaaaaa');

function chunk(type: number, body: Uint8Array): Uint8Array {
  return join(Uint8Array.of(type, body.length & 0xff, (body.length >> 8) & 0xff, body.length >> 16), body);
}

/** A chunk with the right checksum of `content` in front of any payload. */
function checked(type: number, content: Uint8Array, payload = content): Uint8Array {
  const crc = new Crc32c().update(content).digest();
  const masked = Uint32Array.of(((crc >>> 15) | (crc << 17)) + 0xa282ead8);
  return chunk(type, join(new Uint8Array(masked.buffer), payload));
}

/** A stream as python-snappy writes it: 64 KiB a chunk, compressed where that helps. */
function stream(content: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [identifier];
  for (let at = 0; at < content.length; at += 65_536) {
    const piece = content.subarray(at, at + 65_536);
    const block = snappyjs.compress(piece);
    parts.push(block.length < piece.length ? checked(0, piece, block) : checked(1, piece));
  }
  return join(...parts);
}

describe('the Snappy framing format', () => {
  it('is read as specified, byte by byte', () => {
    assert.deepEqual(decompressor.decompress(join(identifier, uncompressed, compressed), GENEROUS), text);
    assert.deepEqual(decompressor.decompress(identifier, GENEROUS), new Uint8Array(0));
  });

  it('may be several concatenated streams, with padding and skippable chunks', () => {
    const skippable = Uint8Array.of(0x80, 1, 0, 0, 7);
    const all = join(identifier, padding, uncompressed, identifier, skippable, compressed, padding);
    assert.deepEqual(decompressor.decompress(all, GENEROUS), text);
  });

  it('is decompressed whatever the content', () => {
    for (const content of [archiveBytes(18_840), noise(200_000), new Uint8Array(65_536), new Uint8Array(65_537)]) {
      const back = decompressor.decompress(stream(content), { maxBytes: content.length });
      assert.deepEqual(back, content);
      assert.equal(back.buffer.byteLength, back.length);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (content) => {
        assert.deepEqual(decompressor.decompress(stream(content), GENEROUS), content);
      }),
    );
  });

  it('is damaged without its identifier, or with a wrong one', () => {
    assertRefused(decompressor, new Uint8Array(0));
    assertRefused(decompressor, uncompressed);
    assertRefused(decompressor, padding);
    for (let at = 1; at < identifier.length; at++) assertRefused(decompressor, flipped(identifier, at, 1));
  });

  it('is damaged if truncated inside a chunk', () => {
    const data = join(identifier, uncompressed, compressed);
    const whole = [identifier.length, identifier.length + uncompressed.length];
    for (let end = 0; end < data.length; end++) {
      if (!whole.includes(end)) assertRefused(decompressor, data.subarray(0, end));
    }
  });

  it('is damaged with an unskippable unknown chunk', () => {
    for (const type of [0x02, 0x40, 0x7f]) assertRefused(decompressor, join(identifier, chunk(type, ascii('x'))));
  });

  it('is damaged if a checksum is wrong or missing', () => {
    for (let at = 4; at < 8; at++) {
      assertRefused(decompressor, join(identifier, flipped(uncompressed, at, 1)));
      assertRefused(decompressor, join(identifier, flipped(compressed, at, 1)));
    }
    assertRefused(decompressor, join(identifier, chunk(1, Uint8Array.of(1, 2, 3))));
    assertRefused(decompressor, join(identifier, chunk(0, new Uint8Array(0))));
  });

  it('is damaged with a chunk of more than 64 KiB', () => {
    const large = new Uint8Array(65_537);
    assertRefused(decompressor, join(identifier, checked(1, large)));
    assertRefused(decompressor, join(identifier, checked(0, large, snappyjs.compress(large))));
  });

  it('is damaged with a block that would exceed its bounds or loop for ever', () => {
    const blocks = [
      [],
      [0x80],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
      // A literal of 4 length bytes, 0xfffffff0.
      [10, 0xfc, 0xf0, 0xff, 0xff, 0xff, 0, 0, 0, 0],
      // Copies from before the beginning, by 1, 2 and 4 bytes of offset, and of offset 0.
      [10, 0x15, 1],
      [10, 0x00, 0x61, 0x22, 2, 0],
      [10, 0x00, 0x61, 0x23, 0xff, 0xff, 0xff, 0xff],
      [10, 0x00, 0x61, 0x15, 0],
      // Longer, shorter, cut.
      [5, 0x00, 0x61, 0x15, 1],
      [11, 0x00, 0x61, 0x15, 1],
      [10, 0x00, 0x61, 0x15],
      [10, 0x24, 0x61],
    ];
    for (const block of blocks) {
      assertRefused(decompressor, join(identifier, checked(0, new Uint8Array(10).fill(0x61), Uint8Array.from(block))));
    }
  });

  it('never hangs or throws another error on a random block', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (block) => {
        assertRefused(decompressor, join(identifier, checked(0, ascii('not what the block holds'), block)));
      }),
      { numRuns: 2000 },
    );
  });

  it('never returns wrong bytes if any byte except the type of a chunk is changed', () => {
    const data = join(identifier, uncompressed, compressed);
    // A type from 0x80 on says "skip me"; the format has no check against a chunk lost in this way.
    const types = [identifier.length, identifier.length + uncompressed.length];
    for (let at = 0; at < data.length; at++) {
      if (types.includes(at)) continue;
      for (let bits = 1; bits < 256; bits++) assertRightOrRefused(decompressor, flipped(data, at, bits), text);
    }
  });

  it('stops at the bound', () => {
    const zeros = stream(new Uint8Array(50_000_000));
    assertRefused(decompressor, zeros, { maxBytes: 1_000_000 }, 'COMPRESSION_TOO_LARGE');
    assertRefused(decompressor, zeros, { maxBytes: 2 ** 31, sizeOf: () => 70_000 }, 'COMPRESSION_TOO_LARGE');
    assertRefused(decompressor, join(identifier, compressed), { maxBytes: 9 }, 'COMPRESSION_TOO_LARGE');
  });
});
