import { consolidate } from './aggregation.ts';
import type { Archive, Header } from './header.ts';
import { alignDown, Ring, slotsRead } from './points.ts';

/**
 * Writes the slot of `lower` that holds `timestamp` from the slots of `higher`, if enough of those are known.
 *
 * @returns whether it was written; when not, no still coarser archive changes either.
 */
export function propagate(
  bytes: Uint8Array,
  header: Header,
  timestamp: number,
  higher: Archive,
  lower: Archive,
): boolean {
  const interval = alignDown(timestamp, lower.secondsPerPoint);
  const count = slotsRead(Math.floor(lower.secondsPerPoint / higher.secondsPerPoint), higher.points);
  const value = consolidate(header, new Ring(bytes, higher).read(interval, count));
  if (value === undefined) return false;
  new Ring(bytes, lower).put(interval, value);
  return true;
}
