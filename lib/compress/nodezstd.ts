import * as zlib from 'node:zlib';
import type { Compressor, WritingEngine } from './codec.ts';
import { damaged } from './errors.ts';
import { checkZstdFrame, zstdHead } from './fzstd.ts';
import { BoundedOutput } from './output.ts';
import { type ZstdFrame, zstdFrames } from './zstdframe.ts';

/** Zstandard in `node:zlib`: Node from 22.15 on, and Deno. */
export const nodezstd: WritingEngine<'nodezstd'> = {
  name: 'nodezstd',
  unavailable: () => (native ? undefined : 'node:zlib has no Zstandard here; it needs Node 22.15 or later, or Deno'),
  compressor,
  decompressor: () => ({
    algorithm: 'zst',
    engine: 'nodezstd',
    decompress(data, bound) {
      const output = new BoundedOutput('zstd', bound);
      for (const frame of zstdFrames(data)) {
        const content = decodeFrame(frame, output);
        checkZstdFrame(frame, content);
        output.append(content);
      }
      return output.finish();
    },
  }),
};

/** What newer versions of `node:zlib` have and the types of Node 20 do not. */
interface NodeZstd {
  zstdCompressSync(data: Uint8Array, options: { params: Record<number, number>; pledgedSrcSize: number }): Uint8Array;
  zstdDecompressSync(data: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
}

const native: NodeZstd | undefined = 'zstdCompressSync' in zlib ? (zlib as unknown as NodeZstd) : undefined;

function loaded(): NodeZstd {
  if (!native) throw new Error(nodezstd.unavailable());
  return native;
}

/** `ZSTD_cParameter` */
const COMPRESSION_LEVEL = 100;
const CONTENT_SIZE_FLAG = 200;
const CHECKSUM_FLAG = 201;

function compressor(level: number): Compressor {
  const params = { [COMPRESSION_LEVEL]: level, [CONTENT_SIZE_FLAG]: 1, [CHECKSUM_FLAG]: 1 };
  return {
    algorithm: 'zst',
    engine: 'nodezstd',
    level,
    compress: (data) => new Uint8Array(loaded().zstdCompressSync(data, { params, pledgedSrcSize: data.length })),
  };
}

/** What a first attempt may make before the head is asked for the size. */
const TRIAL_BYTES = 64 * 1024;

function decodeFrame(frame: ZstdFrame, output: BoundedOutput): Uint8Array {
  if (!output.limited) {
    const trial = attempt(frame, Math.min(output.room, TRIAL_BYTES));
    if (trial) return trial;
    output.limitBy(zstdHead(frame));
  }
  const content = attempt(frame, output.room);
  if (!content) throw output.overflow();
  return content;
}

/** Decodes all when it is no more than `room` bytes; undefined when it is more. */
function attempt(frame: ZstdFrame, room: number): Uint8Array | undefined {
  try {
    return loaded().zstdDecompressSync(frame.whole, { maxOutputLength: Math.max(1, room) });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw damaged('zstd', error instanceof Error ? error.message : String(error), error);
  }
}
