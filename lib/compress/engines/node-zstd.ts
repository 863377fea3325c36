import * as zlib from 'node:zlib';
import { reasonOf } from '../../common/errors.ts';
import type { Compressor, Decompressor, WritingEngine } from '../codec.ts';
import { damagedError } from '../errors.ts';
import { BoundedOutput } from '../output.ts';
import { zstdFrames, zstdParameters } from '../zstd.ts';

/** Zstandard of `node:zlib`: in Deno, and in Node from 22.15. */
export const nodezstd: WritingEngine<'nodezstd'> = {
  name: 'nodezstd',
  unavailable: () => (native ? undefined : 'node:zlib does not support Zstandard; use Node 22.15 or later, or Deno'),
  compressor,
  decompressor,
};

interface NodeZstd {
  zstdCompressSync(
    data: Uint8Array,
    options: { params: Readonly<Record<number, number>>; pledgedSrcSize: number },
  ): Uint8Array;
  zstdDecompressSync(data: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
}

const native: NodeZstd | undefined = 'zstdCompressSync' in zlib ? (zlib as unknown as NodeZstd) : undefined;

function requireNative(): NodeZstd {
  if (!native) throw new Error(nodezstd.unavailable());
  return native;
}

function compressor(level: number): Compressor {
  const params = zstdParameters(level);
  return {
    algorithm: 'zst',
    engine: 'nodezstd',
    level,
    compress: (data) => new Uint8Array(requireNative().zstdCompressSync(data, { params, pledgedSrcSize: data.length })),
  };
}

async function decompressor(): Promise<Decompressor> {
  // node:zlib can neither decode only the first bytes nor check the declared size, so the portable engine does.
  const { checkZstdFrame, ZstdEffort, zstdHead } = await import('./fzstd.ts');
  return {
    algorithm: 'zst',
    engine: 'nodezstd',
    decompress(data, bound) {
      const output = new BoundedOutput('zstd', bound);
      const effort = new ZstdEffort();
      for (const frame of zstdFrames(data)) {
        if (!output.isLimited) output.limitBy(zstdHead(frame, effort));
        const content = decodeFrame(frame.whole, output);
        checkZstdFrame(frame, content);
        output.append(content);
      }
      return output.finish();
    },
  };
}

function decodeFrame(frame: Uint8Array, output: BoundedOutput): Uint8Array {
  try {
    return requireNative().zstdDecompressSync(frame, { maxOutputLength: Math.max(output.remaining, 1) });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') throw output.overflow();
    throw damagedError('zstd', reasonOf(error), error);
  }
}
