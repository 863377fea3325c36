import { constants, crc32, gzipSync, inflateRawSync } from 'node:zlib';
import type { Compressor, WritingEngine } from './codec.ts';
import { gunzip, type RawInflate } from './gunzip.ts';
import { settleGzipHeader } from './gzipframe.ts';
import type { BoundedOutput } from './output.ts';

/** `node:zlib`: on every Node and Deno. */
export const zlib: WritingEngine<'zlib'> = {
  name: 'zlib',
  unavailable: () => undefined,
  compressor,
  decompressor: () => gunzip(raw),
};

function compressor(level: number): Compressor {
  return {
    algorithm: 'gz',
    engine: 'zlib',
    level,
    compress: (data) => settleGzipHeader(owned(gzipSync(data, { level, memLevel: 9 }))),
  };
}

/** Deflate makes at most 1,032 bytes of one. */
const DEFLATE_MAX_RATIO = 1032;
/** What a first attempt may make before the head is asked for the size. */
const TRIAL_BYTES = 64 * 1024;

const raw: RawInflate = {
  engine: 'zlib',
  crc32,
  inflate(data, output) {
    if (!output.limited) {
      const trial = attempt(data, Math.min(output.room, TRIAL_BYTES), output);
      if (trial !== undefined) return trial;
      output.limitBy(inflateHead(data));
    }
    const consumed = attempt(data, output.room, output);
    if (consumed === undefined) throw output.overflow();
    return consumed;
  },
};

/** Inflates all when it is no more than `room` bytes; undefined when it is more. */
function attempt(data: Uint8Array, room: number, output: BoundedOutput): number | undefined {
  try {
    const result: unknown = inflateRawSync(data, {
      info: true,
      // zlib takes no 0 here; append() has the last word.
      maxOutputLength: Math.max(1, room),
      chunkSize: Math.max(1024, Math.min(room, DEFLATE_MAX_RATIO * data.length, 16 * 1024 * 1024)),
    });
    const { buffer, engine } = withInfo(result);
    output.append(buffer);
    return engine.bytesWritten;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw error;
  }
}

/**
 * The first bytes of a deflate stream's output: at least 4 KiB unless it has less.
 * Other engines that cannot inflate a part take it from here.
 */
export function inflateHead(data: Uint8Array): Uint8Array {
  for (let bytes = 2048; ; bytes *= 2) {
    const head = inflateRawSync(data.subarray(0, bytes), { finishFlush: constants.Z_SYNC_FLUSH });
    if (head.length >= 4096 || bytes >= data.length) return head;
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
