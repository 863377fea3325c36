import { claimedBytes } from './claimed-size.ts';
import type { Algorithm } from './codec.ts';

/** Deflate makes at most 1,032 bytes of one. */
const DEFLATE_RATIO = 1032;

/** How many bytes to reserve for what a stream becomes: what it claims, if that can be. It may still be wrong. */
export function contentBytesOf(data: Uint8Array, algorithm: Algorithm): number | undefined {
  const claimed = claimedBytes(algorithm, data);
  if (claimed === undefined || claimed === 0) return undefined;
  return algorithm === 'gz' && claimed > data.length * DEFLATE_RATIO ? undefined : claimed;
}
