import { consolidate } from './aggregation.ts';
import { WhisperError } from './errors.ts';
import { type Archive, type Header, parseHeader } from './header.ts';
import { alignDown, type Point, Ring, slotsRead } from './points.ts';

interface UpdateOptions {
  readonly value: number;
  /** Unix time in seconds. @default now */
  readonly timestamp?: number;
  /** Unix time, rounded down to whole seconds. */
  readonly now: number;
}

/**
 * Stores a point in the finest archive that reaches back to it, and propagates it into the coarser ones. Changes
 * `bytes` in place.
 *
 * @throws WhisperError `WHISPER_NOT_COVERED` if the point is in the future or its age reaches the longest retention;
 *   `WHISPER_DAMAGED` or `WHISPER_COMPRESSED` if the file is not usable.
 */
export function update(bytes: Uint8Array, options: UpdateOptions): void {
  const header = parseHeader(bytes);
  const now = Math.floor(options.now);
  const timestamp = wholeSeconds(options.timestamp ?? now);
  const age = now - timestamp;
  const first = header.archives.findIndex((archive) => archive.retention >= age);
  const archive = header.archives[first];
  if (archive === undefined || !(age >= 0 && age < header.maxRetention)) {
    throw new WhisperError(
      'WHISPER_NOT_COVERED',
      `The timestamp ${timestamp} is ${age < 0 ? 'later than the current time' : 'older than every archive at'} ${now}`,
    );
  }

  const interval = alignDown(timestamp, archive.secondsPerPoint);
  new Ring(bytes, archive).put(interval, options.value);
  let higher = archive;
  for (const lower of header.archives.slice(first + 1)) {
    if (!propagate(bytes, header, interval, higher, lower)) break;
    higher = lower;
  }
}

/**
 * Aggregates slots of `higher` into the slot of `lower` that contains `timestamp`, if enough of them have a point.
 *
 * @returns whether the slot was written; if not, no coarser archive changes either.
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

const MAX_TIMESTAMP = 2 ** 32 - 1;

/**
 * Truncates a Unix time to whole seconds, as Whisper does.
 *
 * @throws WhisperError `WHISPER_INVALID_POINT` if the result does not fit into a slot.
 */
function wholeSeconds(timestamp: number): number {
  const seconds = Math.trunc(timestamp);
  if (seconds >= 0 && seconds <= MAX_TIMESTAMP) return seconds;
  throw new WhisperError(
    'WHISPER_INVALID_POINT',
    `The timestamp ${timestamp} is not a Unix time in seconds from 0 to ${MAX_TIMESTAMP}`,
  );
}

/**
 * Stores many points, each in the finest archive that reaches back to it, and propagates them into the coarser ones.
 * Changes `bytes` in place.
 *
 * Points may be in any order. The first of equal timestamps wins, and the latest of several timestamps in one interval.
 * Unlike {@link update}, accepts points in the future and points exactly as old as a retention. Drops points that are
 * too old for every archive. Of more points than an archive has slots, keeps the newest; Whisper itself would write
 * beyond the end of the archive.
 *
 * @param options.now Unix time, rounded down to whole seconds.
 * @throws WhisperError `WHISPER_INVALID_POINT`, before any change; `WHISPER_DAMAGED` or `WHISPER_COMPRESSED` if the
 *   file is not usable.
 */
export function updateMany(bytes: Uint8Array, points: readonly Point[], options: { readonly now: number }): void {
  const header = parseHeader(bytes);
  const now = Math.floor(options.now);
  // The sort is stable, so after `reverse` the first of equal timestamps is written last.
  const newestFirst = points
    .map(({ timestamp, value }) => ({ timestamp: wholeSeconds(timestamp), value }))
    .sort((a, b) => b.timestamp - a.timestamp);

  let next = 0;
  for (const archive of header.archives) {
    const begin = next;
    while (next < newestFirst.length && now - (newestFirst[next]?.timestamp ?? now) <= archive.retention) next++;
    if (next > begin) updateArchive(bytes, header, archive, newestFirst.slice(begin, next).reverse());
  }
}

/** @param points oldest first, all for this archive. */
function updateArchive(bytes: Uint8Array, header: Header, archive: Archive, points: readonly Point[]): void {
  const step = archive.secondsPerPoint;
  const ring = new Ring(bytes, archive);
  const intervals = points.map((point) => alignDown(point.timestamp, step));
  for (const [i, { value }] of points.entries()) {
    const interval = intervals[i];
    if (interval !== undefined && interval !== intervals[i + 1]) ring.put(interval, value);
  }

  let higher = archive;
  for (const lower of header.archives) {
    if (lower.secondsPerPoint <= step) continue;
    let propagated = false;
    for (const interval of new Set(intervals.map((time) => alignDown(time, lower.secondsPerPoint)))) {
      if (propagate(bytes, header, interval, higher, lower)) propagated = true;
    }
    if (!propagated) break;
    higher = lower;
  }
}
