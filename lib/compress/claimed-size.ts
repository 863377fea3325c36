import type { Algorithm } from './codec.ts';
import { zstdFrames } from './zstd.ts';

/**
 * Returns how many bytes a stream says that it decompresses to, without decoding it. The stream may be wrong: of a gzip
 * stream it is the size of the last member.
 *
 * @see RFC 1952, section 2.3.1 (ISIZE); RFC 8878, section 3.1.1.1.4 (frame content size).
 * @returns undefined when the format or the stream does not say, or the stream is damaged.
 */
export function claimedBytes(algorithm: Algorithm, body: Uint8Array): number | undefined {
  if (algorithm === 'gz') return isizeOf(body);
  return algorithm === 'zst' ? contentBytesOf(body) : undefined;
}

/** Behind zero padding the field reads as 0. */
function isizeOf(body: Uint8Array): number | undefined {
  if (body.length < 4) return undefined;
  const size = new DataView(body.buffer, body.byteOffset + body.length - 4, 4).getUint32(0, true);
  return size === 0 ? undefined : size;
}

function contentBytesOf(body: Uint8Array): number | undefined {
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
