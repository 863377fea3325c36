import * as zlib from 'node:zlib';
import { reasonOf } from '../../common/errors.ts';
import type { Compressor, Decompressor, WritingEngine } from '../codec.ts';
import { damaged } from '../errors.ts';
import { BoundedOutput } from '../output.ts';
import { zstdFrames, zstdParameters } from '../zstd.ts';

/** Zstandard in `node:zlib`: Node from 22.15 on, and Deno. */
export const nodezstd: WritingEngine<'nodezstd'> = {
  name: 'nodezstd',
  unavailable: () => (native ? undefined : 'node:zlib has no Zstandard here; it needs Node 22.15 or later, or Deno'),
  compressor,
  decompressor,
};

/** What newer versions of `node:zlib` have and the types of Node 20 do not. */
interface NodeZstd {
  zstdCompressSync(
    data: Uint8Array,
    options: { params: Readonly<Record<number, number>>; pledgedSrcSize: number },
  ): Uint8Array;
  zstdDecompressSync(data: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
}

const native: NodeZstd | undefined = 'zstdCompressSync' in zlib ? (zlib as unknown as NodeZstd) : undefined;

function loaded(): NodeZstd {
  if (!native) throw new Error(nodezstd.unavailable());
  return native;
}

function compressor(level: number): Compressor {
  const params = zstdParameters(level);
  return {
    algorithm: 'zst',
    engine: 'nodezstd',
    level,
    compress: (data) => new Uint8Array(loaded().zstdCompressSync(data, { params, pledgedSrcSize: data.length })),
  };
}

async function decompressor(): Promise<Decompressor> {
  // How to look at the head of a stream, and to check it, it has from the portable engine.
  const { checkZstdFrame, ZstdEffort, zstdHead } = await import('./fzstd.ts');
  return {
    algorithm: 'zst',
    engine: 'nodezstd',
    decompress(data, bound) {
      const output = new BoundedOutput('zstd', bound);
      const effort = new ZstdEffort();
      for (const frame of zstdFrames(data)) {
        if (!output.limited) output.limitBy(zstdHead(frame, effort));
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
    return loaded().zstdDecompressSync(frame, { maxOutputLength: Math.max(output.room, 1) });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') throw output.overflow();
    throw damaged('zstd', reasonOf(error), error);
  }
}
