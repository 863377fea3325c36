import type { Compressor } from './codec.ts';
import { normalizeGzipHeader } from './gzip.ts';
import { zstdFrames } from './zstd.ts';

/*
 * A stream of blocks that are compressed independently, so that a reader needs no more than one block in memory. For
 * `zcat` and `zstdcat` it is one stream. A block is a gzip member whose header has the size of the member in an extra
 * field, as BGZF has (RFC 1952, section 2.3.1.1), or a zstd frame.
 */

const HEADER_BYTES = 10;
const FEXTRA = 0x04;
/** The length of all extra fields; then id `WB`, length, and the size of the member. */
const EXTRA_BYTES = 10;
const EXTRA_START = Uint8Array.of(8, 0, 0x57, 0x42, 4, 0);
const SIZE_AT = HEADER_BYTES + EXTRA_START.length;

/** Compresses one block. */
export function compressBlock(compressor: Compressor, data: Uint8Array): Uint8Array {
  const stream = compressor.compress(data);
  if (compressor.algorithm !== 'gz') return stream;
  const block = new Uint8Array(stream.length + EXTRA_BYTES);
  block.set(stream.subarray(0, HEADER_BYTES));
  block.set(EXTRA_START, HEADER_BYTES);
  block.set(stream.subarray(HEADER_BYTES), HEADER_BYTES + EXTRA_BYTES);
  block[3] = FEXTRA;
  new DataView(block.buffer).setUint32(SIZE_AT, block.length, true);
  return normalizeGzipHeader(block);
}

/**
 * Returns the size of the first block of a stream of which the end may be missing.
 *
 * @returns undefined if more is needed to know; Infinity if only the whole stream can be decompressed.
 */
export function blockBytes(data: Uint8Array, algorithm: 'gz' | 'zst'): number | undefined {
  if (algorithm === 'zst') return frameBytes(data);
  if (data.length < HEADER_BYTES + EXTRA_BYTES) return undefined;
  const isBlock = data[3] === FEXTRA && EXTRA_START.every((byte, i) => data[HEADER_BYTES + i] === byte);
  return isBlock ? new DataView(data.buffer, data.byteOffset).getUint32(SIZE_AT, true) : Number.POSITIVE_INFINITY;
}

function frameBytes(data: Uint8Array): number | undefined {
  try {
    for (const { whole } of zstdFrames(data)) {
      const isView = whole.buffer === data.buffer;
      return isView ? whole.byteOffset + whole.length - data.byteOffset : Number.POSITIVE_INFINITY;
    }
  } catch {
    // Truncated or damaged, which its decompression reports.
  }
  return undefined;
}
