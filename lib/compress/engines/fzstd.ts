import { Decompress } from 'fzstd';
import xxhash from 'xxhash-wasm';
import { reasonOf, WhisperBackupError } from '../../common/errors.ts';
import type { Decompressor } from '../codec.ts';
import { damagedError } from '../errors.ts';
import { BoundedOutput, HEAD_BYTES } from '../output.ts';
import { type ZstdFrame, zstdFrames } from '../zstd.ts';

/** fzstd can only decompress, and does not verify checksums, so this does. */
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

/** Verifies the declared size and the checksum of a frame. @throws CompressionError if they differ. */
export function checkZstdFrame(frame: ZstdFrame, content: Uint8Array): void {
  if (frame.contentBytes !== undefined && frame.contentBytes !== content.length)
    throw damagedError('zstd', 'wrong size');
  if (frame.checksum !== undefined && frame.checksum !== Number(h64Raw(content) & 0xffff_ffffn)) {
    throw damagedError('zstd', 'wrong checksum');
  }
}

/** Decodes the first bytes of a frame: at least 4 KiB, or all. For decoders that can only decode whole frames. */
export function zstdHead(frame: ZstdFrame, effort: ZstdEffort): Uint8Array {
  const head = new BoundedOutput('zstd', { maxBytes: Number.MAX_SAFE_INTEGER });
  decodeBlocks(frame, head, effort, HEAD_BYTES);
  return head.finish();
}

/**
 * Limits the time for one stream. fzstd moves the whole window for each block, 12 ms for 128 MiB, and a malicious
 * stream may have blocks of 4 bytes.
 */
export class ZstdEffort {
  #moved = 0;

  /**
   * Counts a block, or the allocation of a window.
   *
   * @param outputBytes size of the output so far.
   * @throws CompressionError if the effort is far too large for the output; no real compressor writes such a stream.
   */
  add(frame: ZstdFrame, outputBytes: number): void {
    this.#moved += frame.windowBytes;
    if (this.#moved > FREE_BYTES + outputBytes * MAX_MOVED_PER_OUTPUT_BYTE) {
      throw damagedError('zstd', `its blocks are too small for a window of ${frame.windowBytes} bytes`);
    }
  }
}

/** Takes about half a second. */
const FREE_BYTES = 2 ** 32;
/** Allows blocks of 32 KiB with the largest window, and of 512 bytes with the usual windows. */
const MAX_MOVED_PER_OUTPUT_BYTE = 4096;

/** Decodes block by block until there are `enough` bytes. A block produces 128 KiB at most. */
function decodeBlocks(
  frame: ZstdFrame,
  output: BoundedOutput,
  effort: ZstdEffort,
  enough = Number.POSITIVE_INFINITY,
): void {
  // fzstd allocates the size in the header.
  if ((frame.contentBytes ?? 0) > output.remaining) throw output.overflow();
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
    // Pushes the checksum, if any. fzstd buffers a frame of less than 18 bytes until this final push.
    decoder.push(frame.whole.subarray(frame.body.length), true);
  } catch (error) {
    if (error instanceof WhisperBackupError) throw error;
    throw damagedError('zstd', `bad block (${reasonOf(error)})`, error);
  }
}
