import { type Archive, type Header, parseHeader } from './header.ts';
import { alignDown, type Point, Ring } from './points.ts';
import { propagate } from './propagate.ts';
import { wholeSeconds } from './timestamp.ts';

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
