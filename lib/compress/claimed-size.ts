import type { Algorithm } from './codec.ts';
import { zstdFrames } from './zstd.ts';

/**
 * Reads the decompressed size that a stream declares, without decoding it. It may be wrong; for gzip it is the size of
 * the last member only.
 *
 * @see RFC 1952, section 2.3.1 (ISIZE); RFC 8878, section 3.1.1.1.4 (frame content size).
 * @returns undefined if the stream declares no size or is damaged.
 */
export function claimedBytes(algorithm: Algorithm, body: Uint8Array): number | undefined {
  if (algorithm === 'gz') return isizeOf(body);
  return algorithm === 'zst' ? frameContentBytes(body) : undefined;
}

/** The maximum compression ratio of deflate. */
const DEFLATE_RATIO = 1032;

/** Like {@link claimedBytes}, but undefined if the size is impossible. It may still be wrong. */
export function plausibleBytes(algorithm: Algorithm, body: Uint8Array): number | undefined {
  const claimed = claimedBytes(algorithm, body);
  if (claimed === 0) return undefined;
  return algorithm === 'gz' && (claimed ?? 0) > body.length * DEFLATE_RATIO ? undefined : claimed;
}

/** The field is 0 if zero padding follows the last member. */
function isizeOf(body: Uint8Array): number | undefined {
  if (body.length < 4) return undefined;
  const size = new DataView(body.buffer, body.byteOffset + body.length - 4, 4).getUint32(0, true);
  return size === 0 ? undefined : size;
}

function frameContentBytes(body: Uint8Array): number | undefined {
  let total = 0;
  try {
    for (const { contentBytes } of zstdFrames(body)) {
      if (contentBytes === undefined) return undefined;
      total += contentBytes;
    }
  } catch {
    return undefined;
  }
  return total;
}
