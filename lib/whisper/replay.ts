import { type Archive, type Header, parseHeader } from './header.ts';
import { alignDown, type Point, Ring } from './points.ts';
import { propagate } from './update.ts';

/**
 * Writes points that were read from a later state of the same file, and so leads from a backup to that state. Each
 * point goes to the finest archive that reaches back to it at `until`, from where a journal has read it. Changes `bytes`
 * in place.
 *
 * The result is that of Whisper's `update` called for one point after the other. `update_many` for all of them would be
 * wrong: it propagates after it has written everything, when new points may have replaced the older ones of a coarser
 * slot. For the same reason nothing is propagated from points that the file already has. A coarser slot that was itself
 * read from the later state is not aggregated again from finer slots, of which some may no longer exist.
 *
 * If points were written in order, the result is the later state byte for byte, except for the bits of a NaN, provided
 * that no more than the retention of the finest archive lies between the two states, and that one `update_many` did
 * not write more than fits into the finest archive beside an interval of the next one. Otherwise, and if one
 * `update_many` wrote the first points of a coarser archive, of which Whisper may have put any to the start, the
 * result has the same points.
 *
 * @param points ascending by time.
 * @param options.until Unix time in seconds at which the points were read.
 * @param options.after points before this time may be missing, so coarser slots that began before it are not aggregated.
 * @returns how many points were written or were already there; the others are older than every archive.
 * @throws WhisperError `WHISPER_DAMAGED` or `WHISPER_COMPRESSED` if the file is not usable.
 */
export function replay(
  bytes: Uint8Array,
  points: readonly Point[],
  { until, after = 0 }: { readonly until: number; readonly after?: number },
): number {
  const header = parseHeader(bytes);
  /** The newest slot of each archive that was read itself. */
  const read = new Map<Archive, number>();
  let ring: Ring | undefined;
  let replayed = 0;
  let changed: { readonly archive: Archive; readonly timestamp: number } | undefined;
  for (const { timestamp, value } of points) {
    const archive = header.archives.find(({ retention }) => retention >= until - timestamp);
    if (!archive) continue;
    replayed++;
    const interval = alignDown(timestamp, archive.secondsPerPoint);
    read.set(archive, interval);
    if (changed && !isOneSlot(header, changed, archive, interval)) {
      propagateFrom(bytes, header, changed, { read, after });
      changed = undefined;
    }
    if (ring?.archive !== archive) ring = new Ring(bytes, archive);
    const before = ring.get(interval);
    if (before !== undefined && Object.is(before, value)) continue;
    ring.put(interval, value);
    changed = { archive, timestamp: interval };
  }
  if (changed) propagateFrom(bytes, header, changed, { read, after });
  return replayed;
}

/** Returns whether a file has the slot to which `replay` would write a point. */
export function hasSlot(bytes: Uint8Array, timestamp: number, until: number): boolean {
  const archive = parseHeader(bytes).archives.find(({ retention }) => retention >= until - timestamp);
  return !archive || new Ring(bytes, archive).get(alignDown(timestamp, archive.secondsPerPoint)) !== undefined;
}

interface Change {
  readonly archive: Archive;
  readonly timestamp: number;
}

/** Returns whether a point belongs to the same slot of the next coarser archive as the last change. */
function isOneSlot({ archives }: Header, last: Change, archive: Archive, timestamp: number): boolean {
  if (archive !== last.archive) return false;
  const lower = archives.find(({ secondsPerPoint }) => secondsPerPoint > archive.secondsPerPoint);
  if (!lower) return true;
  return alignDown(timestamp, lower.secondsPerPoint) === alignDown(last.timestamp, lower.secondsPerPoint);
}

function propagateFrom(
  bytes: Uint8Array,
  header: Header,
  { archive, timestamp }: Change,
  { read, after }: { readonly read: ReadonlyMap<Archive, number>; readonly after: number },
): void {
  let higher = archive;
  for (const lower of header.archives) {
    if (lower.secondsPerPoint <= archive.secondsPerPoint) continue;
    const slot = alignDown(timestamp, lower.secondsPerPoint);
    if (slot < after || read.get(lower) === slot) return;
    if (!propagate(bytes, header, timestamp, higher, lower)) return;
    higher = lower;
  }
}
