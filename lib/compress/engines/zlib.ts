import { constants, crc32, gzipSync, inflateRawSync } from 'node:zlib';
import type { Compressor, WritingEngine } from '../codec.ts';
import { gunzip, type RawInflate, settleGzipHeader } from '../gzip.ts';
import { HEAD_BYTES } from '../output.ts';

/** `node:zlib`: on every Node and Deno. */
export const zlib: WritingEngine<'zlib'> = {
  name: 'zlib',
  unavailable: () => undefined,
  compressor,
  decompressor: () => gunzip(raw),
};

/** Less memory means shorter blocks, each with codes of its own; on Whisper files that stores 1.6 % less than the usual 8. */
const MEMORY_LEVEL = 6;

function compressor(level: number): Compressor {
  return {
    algorithm: 'gz',
    engine: 'zlib',
    level,
    compress: (data) => settleGzipHeader(owned(gzipSync(data, { level, memLevel: MEMORY_LEVEL }))),
  };
}

const raw: RawInflate = {
  engine: 'zlib',
  crc32,
  inflate(data, output) {
    if (!output.limited) output.limitBy(inflateHead(data));
    // All in one chunk when its size is known: then nothing is joined afterwards. With room for one byte more, or zlib
    // would begin another chunk.
    const isKnown = output.limited && output.length === 0 && output.room <= output.eagerBytes;
    const chunkSize = isKnown ? output.room + 1 : CHUNK_BYTES;
    try {
      const { buffer, engine } = withInfo(
        inflateRawSync(data, {
          info: true,
          chunkSize: Math.max(chunkSize, CHUNK_MIN_BYTES),
          // zlib takes no 0 here; append() has the last word.
          maxOutputLength: Math.max(output.room, 1),
        }),
      );
      output.adopt(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length));
      return engine.bytesWritten;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') throw output.overflow();
      throw error;
    }
  },
};

const CHUNK_BYTES = 64 * 1024;
const CHUNK_MIN_BYTES = 1024;

/**
 * The first bytes of a deflate stream's output: at least 4 KiB unless it has less.
 * Engines that cannot inflate a part take it from here.
 */
export function inflateHead(data: Uint8Array): Uint8Array {
  for (let bytes = 2048; ; bytes *= 2) {
    const head = inflateRawSync(data.subarray(0, bytes), { finishFlush: constants.Z_SYNC_FLUSH });
    if (head.length >= HEAD_BYTES || bytes >= data.length) return head;
  }
}

/** What `{ info: true }` returns; the published types leave it out. */
interface WithInfo {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

function withInfo(result: unknown): WithInfo {
  // Documented by Node for the option `info`; a test on Node and Deno holds it.
  return result as WithInfo;
}

/** Node may return a part of its shared pool, or of a larger chunk. */
function owned(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength
    ? new Uint8Array(bytes.buffer, 0, bytes.byteLength)
    : new Uint8Array(bytes);
}
