import { consolidate } from './aggregation.ts';
import { WhisperError } from './errors.ts';
import { type Archive, type Header, parseHeader } from './header.ts';
import { alignDown, type Point, Ring, slotsRead } from './points.ts';

/** One point to be stored. */
export interface UpdateOptions {
  readonly value: number;
  /** Seconds since the epoch. @default now */
  readonly timestamp?: number;
  /** Seconds since the epoch; a fraction is floored. */
  readonly now: number;
}

/**
 * Stores one point in the finest archive that reaches back to it, and propagates it into the coarser ones. Changes the
 * bytes given.
 *
 * @throws WhisperError `WHISPER_NOT_COVERED` when the point is in the future, or as old as the longest retention or
 *   older; `WHISPER_DAMAGED` or `WHISPER_COMPRESSED` when the file is not usable.
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
      `The timestamp ${timestamp} is ${age < 0 ? 'in the future of' : 'not covered by any archive at'} ${now}`,
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

const MAX_TIMESTAMP = 2 ** 32 - 1;

/**
 * Whole seconds since the epoch, cut off towards zero as Whisper does.
 *
 * @throws WhisperError `WHISPER_INVALID_POINT` when a slot cannot hold it.
 */
export function wholeSeconds(timestamp: number): number {
  const seconds = Math.trunc(timestamp);
  if (seconds >= 0 && seconds <= MAX_TIMESTAMP) return seconds;
  throw new WhisperError(
    'WHISPER_INVALID_POINT',
    `A timestamp must be seconds since the epoch, 0 to ${MAX_TIMESTAMP}: got ${timestamp}`,
  );
}

/**
 * Stores many points, each in the finest archive that reaches back to it, and propagates them into the coarser ones.
 * Changes the bytes given.
 *
 * Points may come in any order. Of equal timestamps the first given wins; of several timestamps in one interval the
 * latest. Unlike `update`, it takes points in the future and points exactly as old as a retention; points that are too
 * old for every archive are dropped. A run of points longer than its ring ends as its newest points, where Whisper
 * itself would write on over the archive behind it.
 *
 * @param options.now seconds since the epoch; a fraction is floored.
 * @throws WhisperError `WHISPER_INVALID_POINT`, and then nothing is changed; `WHISPER_DAMAGED` or `WHISPER_COMPRESSED`
 *   when the file is not usable.
 */
export function updateMany(bytes: Uint8Array, points: readonly Point[], options: { readonly now: number }): void {
  const header = parseHeader(bytes);
  const now = Math.floor(options.now);
  // The sort is stable: of equal timestamps the first given stays in front, and so is written last.
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
