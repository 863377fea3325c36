import { Decompress } from 'fzstd';
import xxhash from 'xxhash-wasm';
import { reasonOf, WhisperBackupError } from '../../common/errors.ts';
import type { Decompressor } from '../codec.ts';
import { damaged } from '../errors.ts';
import { BoundedOutput, HEAD_BYTES } from '../output.ts';
import { type ZstdFrame, zstdFrames } from '../zstd.ts';

/** Of `fzstd`, which only reads. It checks no checksum, so that is done here. */
export function decompressor(): Decompressor {
  return {
    algorithm: 'zst',
    engine: 'fzstd',
    decompress(data, bound) {
      const output = new BoundedOutput('zstd', bound);
      const effort = new ZstdEffort();
      for (const frame of zstdFrames(data)) {
        const start = output.length;
        decodeBlocks(frame, output, effort);
        checkZstdFrame(frame, output.since(start));
      }
      return output.finish();
    },
  };
}

const { h64Raw } = await xxhash();

/** Compares a frame's content with what the frame says of it. */
export function checkZstdFrame(frame: ZstdFrame, content: Uint8Array): void {
  if (frame.contentBytes !== undefined && frame.contentBytes !== content.length) throw damaged('zstd', 'wrong size');
  if (frame.checksum !== undefined && frame.checksum !== Number(h64Raw(content) & 0xffff_ffffn)) {
    throw damaged('zstd', 'wrong checksum');
  }
}

/** The first bytes of a frame's content: at least 4 KiB unless it has less. For decoders that cannot decode a part. */
export function zstdHead(frame: ZstdFrame, effort: ZstdEffort): Uint8Array {
  const head = new BoundedOutput('zstd', { maxBytes: Number.MAX_SAFE_INTEGER });
  decodeBlocks(frame, head, effort, HEAD_BYTES);
  return head.finish();
}

/** What one stream costs fzstd, which moves the whole window for each block: 12 ms for 128 MiB, and a block has 4 bytes. */
export class ZstdEffort {
  #moved = 0;

  /**
   * Counts one block, or a window that is allocated.
   *
   * @param made bytes that the stream has made so far.
   * @throws CompressionError when it is out of all proportion to those: no compressor makes such a stream.
   */
  add(frame: ZstdFrame, made: number): void {
    this.#moved += frame.windowBytes;
    if (this.#moved > FREE_BYTES + made * MOVED_FOR_ONE) {
      throw damaged('zstd', `its blocks are too small for a window of ${frame.windowBytes} bytes`);
    }
  }
}

/** Half a second's worth. */
const FREE_BYTES = 2 ** 32;
/** With the largest window blocks of 32 KiB are fine, with the usual ones those of 512 bytes. */
const MOVED_FOR_ONE = 4096;

/** Decodes block by block, none of which makes more than 128 KiB, until there is enough. */
function decodeBlocks(
  frame: ZstdFrame,
  output: BoundedOutput,
  effort: ZstdEffort,
  enough = Number.POSITIVE_INFINITY,
): void {
  // fzstd allocates what the header claims.
  if ((frame.contentBytes ?? 0) > output.room) throw output.overflow();
  try {
    const decoder = new Decompress((chunk) => output.append(chunk));
    let start = 0;
    effort.add(frame, output.length);
    for (const end of frame.blockEnds) {
      effort.add(frame, output.length);
      decoder.push(frame.body.subarray(start, end));
      start = end;
      if (output.length >= enough) return;
    }
    // The checksum, if there is one. A frame of less than 18 bytes is kept until this tells that no more come.
    decoder.push(frame.whole.subarray(frame.body.length), true);
  } catch (error) {
    if (error instanceof WhisperBackupError) throw error;
    throw damaged('zstd', `bad block (${reasonOf(error)})`, error);
  }
}
