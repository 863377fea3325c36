import { type Archive, type Header, POINT_SIZE } from './header.ts';
import { alignDown, type Point } from './points.ts';

/** Reads a part of a file, all of it. */
type ReadAt = (offset: number, length: number) => Uint8Array;

interface Span {
  /** Unix time in seconds of the first point. */
  readonly from: number;
  /** The time at which they will be replayed. */
  readonly until: number;
}

/** Points up to this many seconds ahead of the clock count, as clocks of senders differ. */
export const AHEAD_SECONDS = 300;

/**
 * Returns the points of a file since a time, each from the finest archive that reaches back to it at `until`: so
 * `updateMany` at that time writes each into the archive from which it was read. A coarse slot that began before `from`
 * but contains it counts, too. Reads only the slots in question.
 *
 * @returns ascending by time.
 */
export function recentPoints(read: ReadAt, { archives }: Header, { from, until }: Span): Point[] {
  const found: Point[][] = [];
  let end = until + AHEAD_SECONDS + 1;
  let reach = Number.NEGATIVE_INFINITY;
  for (const archive of archives) {
    const { retention, secondsPerPoint } = archive;
    if (retention <= reach) continue;
    reach = retention;
    const first = alignDown(from, secondsPerPoint);
    const oldest = alignDown(until - retention + secondsPerPoint - 1, secondsPerPoint);
    const start = Math.max(first, oldest, secondsPerPoint);
    if (start < end) found.push(pointsOf(read, archive, start, end));
    end = Math.min(end, until - retention);
    if (from >= end) break;
  }
  return found.reverse().flat();
}

/** @param start a slot's timestamp. @param end exclusive. */
function pointsOf(read: ReadAt, archive: Archive, start: number, end: number): Point[] {
  const { offset, points, secondsPerPoint: step } = archive;
  const base = viewOf(read(offset, POINT_SIZE)).getUint32(0);
  if (base === 0) return [];
  const count = Math.ceil((end - start) / step);
  const slots = Math.min(count, points);
  const turn = Math.floor((start - base) / step) % points;
  const index = turn < 0 ? turn + points : turn;
  const before = Math.min(slots, points - index);
  const upper = viewOf(read(offset + index * POINT_SIZE, before * POINT_SIZE));
  const lower = slots > before ? viewOf(read(offset, (slots - before) * POINT_SIZE)) : upper;
  const found: Point[] = [];
  for (let i = 0; i < count; i++) {
    // A slot of a small ring may be that of two times: it has one of them.
    const slot = i % points;
    const [view, at] = slot < before ? [upper, slot * POINT_SIZE] : [lower, (slot - before) * POINT_SIZE];
    const timestamp = start + i * step;
    if (view.getUint32(at) === timestamp) found.push({ timestamp, value: view.getFloat64(at + 4) });
  }
  return found;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/**
 * Returns whether an archive may have lost points that {@link recentPoints} needs from it: newer ones than `until` have
 * replaced them, and coarser archives count only before them.
 *
 * @param newest time of the newest point in the file.
 */
export function hasLostPoints(
  { archives }: Header,
  { from, until, newest }: Span & { readonly newest: number },
): boolean {
  return archives.slice(0, -1).some(({ retention, secondsPerPoint: step }) => {
    const needed = Math.max(alignDown(from, step), alignDown(until - retention + step - 1, step));
    return needed < alignDown(newest, step) - retention + step;
  });
}
