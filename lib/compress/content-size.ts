import { claimedBytes } from './claimed-size.ts';
import type { Algorithm } from './codec.ts';

/** The maximum compression ratio of deflate. */
const DEFLATE_RATIO = 1032;

/** Returns the decompressed size that a stream declares, if it is plausible. It may still be wrong. */
export function contentBytesOf(data: Uint8Array, algorithm: Algorithm): number | undefined {
  const claimed = claimedBytes(algorithm, data);
  if (claimed === undefined || claimed === 0) return undefined;
  return algorithm === 'gz' && claimed > data.length * DEFLATE_RATIO ? undefined : claimed;
}
