import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, it } from 'node:test';
import { constants, deflateRawSync, gzipSync } from 'node:zlib';
import { WhisperBackupError } from '../../lib/common/errors.ts';
import { createDecompressor, gzipEngines } from '../../lib/compress/engine.ts';
import { assertRefused, GENEROUS } from './damage.ts';
import { archiveBytes, join } from './sample.ts';

const MIB = 1024 * 1024;

/** 2 GiB of zeros in 2 MB, as one member. */
function bomb(): Uint8Array {
  const mebibyte = deflateRawSync(new Uint8Array(MIB), { finishFlush: constants.Z_FULL_FLUSH });
  const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
  const end = Uint8Array.of(0x03, 0);
  // CRC 0, and a size that lies; decoding must end long before either is read.
  const trailer = Uint8Array.of(0, 0, 0, 0, 16, 0, 0, 0);
  return join(header, ...Array.from({ length: 2048 }, () => mebibyte), end, trailer);
}

/** The most memory that the process ever had, in bytes. */
function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024;
}

for (const engine of gzipEngines()) {
  const decompressor = await createDecompressor({ algorithm: 'gz', engine });
  const content = archiveBytes(20_000);
  const packed = gzipSync(content);

  describe(`the bound of gzip read by ${engine}`, () => {
    it('allows exactly that many bytes', () => {
      for (const part of [0, 1, 4095, 4096, 4097, 65_536, 65_537, content.length]) {
        const one = gzipSync(content.subarray(0, part));
        assert.deepEqual(decompressor.decompress(one, { maxBytes: part }), content.slice(0, part));
        if (part > 0) assertRefused(decompressor, one, { maxBytes: part - 1 }, 'COMPRESSION_TOO_LARGE');
      }
    });

    it('counts all members together', () => {
      const two = join(packed, packed);
      assert.equal(decompressor.decompress(two, { maxBytes: 2 * content.length }).length, 2 * content.length);
      assertRefused(decompressor, two, { maxBytes: 2 * content.length - 1 }, 'COMPRESSION_TOO_LARGE');
      const empty = gzipSync(new Uint8Array(0));
      assert.equal(decompressor.decompress(join(packed, empty), { maxBytes: content.length }).length, content.length);
    });

    it('calls sizeOf once, with at least 4 KiB of output', () => {
      const heads: number[] = [];
      const sizeOf = (head: Uint8Array) => {
        heads.push(head.length);
        assert.deepEqual(head, content.slice(0, head.length));
        return content.length;
      };
      const back = decompressor.decompress(packed, { maxBytes: 2 ** 31, sizeOf });
      assert.deepEqual(back, content);
      assert.equal(heads.length, 1);
      assert.ok((heads[0] ?? 0) >= 4096);
    });

    it('calls sizeOf with the whole output of all members if that is less', () => {
      const heads: Uint8Array[] = [];
      const members = join(gzipSync(content.subarray(0, 100)), gzipSync(content.subarray(100, 300)));
      const sizeOf = (head: Uint8Array) => void heads.push(head.slice());
      decompressor.decompress(members, { maxBytes: 1000, sizeOf: (head) => sizeOf(head) ?? undefined });
      assert.deepEqual(heads, [content.slice(0, 300)]);
    });

    it('calls sizeOf with 4 KiB even if the first member is shorter and the next is long', () => {
      const heads: number[] = [];
      const members = join(gzipSync(content.subarray(0, 100)), gzipSync(content.subarray(100)));
      const sizeOf = (head: Uint8Array) => {
        heads.push(head.length);
        assert.deepEqual(head, content.slice(0, head.length));
        return undefined;
      };
      assert.deepEqual(decompressor.decompress(members, { maxBytes: 2 ** 31, sizeOf }), content);
      assert.ok(heads.length === 1 && (heads[0] ?? 0) >= 4096);
    });

    it('rejects more output than sizeOf returned, even within maxBytes', () => {
      const sizeOf = () => content.length - 1;
      assertRefused(decompressor, packed, { maxBytes: 2 ** 31, sizeOf }, 'COMPRESSION_TOO_LARGE');
      assertRefused(
        decompressor,
        gzipSync(content.subarray(0, 50)),
        { maxBytes: 99, sizeOf: () => 49 },
        'COMPRESSION_TOO_LARGE',
      );
    });

    it('passes on errors of sizeOf', () => {
      const error = new WhisperBackupError('BAD_HEADER', 'not a Whisper file');
      const sizeOf = () => {
        throw error;
      };
      for (const part of [100, content.length]) {
        const one = gzipSync(content.subarray(0, part));
        assert.throws(
          () => decompressor.decompress(one, { maxBytes: 2 ** 31, sizeOf }),
          (thrown) => thrown === error,
        );
      }
    });

    it('is never raised by sizeOf', () => {
      assertRefused(decompressor, packed, { maxBytes: 5000, sizeOf: () => 2 ** 30 }, 'COMPRESSION_TOO_LARGE');
    });

    it('returns the output if sizeOf returned more, without allocating that', () => {
      const before = peakMemory();
      const back = decompressor.decompress(packed, { maxBytes: 2 ** 31, sizeOf: () => 2 ** 31 - 1 });
      assert.deepEqual(back, content);
      assert.ok(peakMemory() - before < 128 * MIB);
    });

    it('stops a decompression bomb early, with little memory', () => {
      const data = bomb();
      const before = peakMemory();
      const start = performance.now();
      assertRefused(decompressor, data, { maxBytes: 8 * MIB }, 'COMPRESSION_TOO_LARGE');
      assertRefused(decompressor, data, { maxBytes: 2 ** 31, sizeOf: () => 8 * MIB }, 'COMPRESSION_TOO_LARGE');
      assertRefused(
        decompressor,
        join(...Array.from({ length: 64 }, () => gzipSync(new Uint8Array(MIB)))),
        { maxBytes: 8 * MIB },
        'COMPRESSION_TOO_LARGE',
      );
      assert.ok(performance.now() - start < 20_000, 'took too long');
      assert.ok(peakMemory() - before < 128 * MIB, `took ${(peakMemory() - before) / MIB} MiB`);
    });

    it('decodes very many tiny members', () => {
      const tiny = gzipSync(Uint8Array.of(1));
      const back = decompressor.decompress(join(...Array.from({ length: 5000 }, () => tiny)), GENEROUS);
      assert.deepEqual(back, new Uint8Array(5000).fill(1));
    });
  });
}
