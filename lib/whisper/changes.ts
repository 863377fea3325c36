import { WhisperError } from './errors.ts';
import { parseHeader } from './header.ts';
import { Ring } from './points.ts';

/** How the points of a file differ from those before. */
export interface Changes {
  /** How many points were added, removed or got another value, in all archives. Without a file before, all its points. */
  readonly points: number;
  /** Absent if it was not asked for. */
  readonly plot?: Plot;
}

/** The points around the changes, of the archive with most of them, in columns of equal duration. */
export interface Plot {
  /** Seconds per point. */
  readonly step: number;
  /** Start of the first column, Unix time in seconds. */
  readonly from: number;
  /** Of each column, in seconds. */
  readonly width: number;
  readonly before: Band;
  readonly after: Band;
}

/** The lowest and highest value of each column; NaN if it has no finite value. */
export interface Band {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

const COLUMNS = 240;

/** The shortest period that a plot shows, in points. */
const MIN_POINTS = 30;

/**
 * Compares two files, archive by archive. Points that are outside of their archive's retention do not count.
 *
 * @param before undefined if there was no file. One that is damaged counts as none.
 * @param plotAbove files with more changed points get a plot.
 * @param now Unix time in seconds.
 * @returns undefined if the points of `after` cannot be read.
 */
export function findChanges(
  before: Uint8Array | undefined,
  after: Uint8Array,
  { plotAbove, now }: { readonly plotAbove: number; readonly now: number },
): Changes | undefined {
  const rings = ringsOf(after);
  if (!rings) return undefined;
  const old = (before && ringsOf(before)) ?? new Map<number, Ring>();
  const compared = [...new Set([...rings.keys(), ...old.keys()])].map((step) =>
    compare(old.get(step), rings.get(step), now),
  );
  const points = compared.reduce((sum, { count }) => sum + count, 0);
  const [most] = compared.toSorted((a, b) => b.count - a.count);
  return { points, ...(most && points > plotAbove && { plot: plotOf(most, now) }) };
}

/** Returns the archives by step; undefined if they cannot be read. */
function ringsOf(bytes: Uint8Array): Map<number, Ring> | undefined {
  try {
    const rings = new Map<number, Ring>();
    for (const archive of parseHeader(bytes).archives)
      if (!rings.has(archive.secondsPerPoint)) rings.set(archive.secondsPerPoint, new Ring(bytes, archive));
    return rings;
  } catch (error) {
    if (error instanceof WhisperError) return undefined;
    throw error;
  }
}

interface Compared {
  readonly before: Ring | undefined;
  readonly after: Ring | undefined;
  readonly count: number;
  /** Times of the first and the last point that differs. */
  readonly first: number;
  readonly last: number;
}

function compare(before: Ring | undefined, after: Ring | undefined, now: number): Compared {
  let [count, first, last] = [0, Number.POSITIVE_INFINITY, 0];
  const add = (time: number) => {
    count++;
    first = Math.min(first, time);
    last = Math.max(last, time);
  };
  eachPoint(after, now, (time, value) => {
    if (!Object.is(before?.get(time), value)) add(time);
  });
  eachPoint(before, now, (time) => {
    if (after?.get(time) === undefined) add(time);
  });
  return { before, after, count, first, last };
}

/** Calls back instead of yielding, because a file may have a million points. */
function eachPoint(ring: Ring | undefined, now: number, visit: (time: number, value: number) => void): void {
  if (!ring) return;
  const { points, retention } = ring.archive;
  for (let i = 0; i < points; i++) {
    const time = ring.timestampAt(i);
    if (time > now - retention && ring.isPointAt(i)) visit(time, ring.valueAt(i));
  }
}

function plotOf({ before, after, first, last }: Compared, now: number): Plot {
  const step = (after ?? before)?.archive.secondsPerPoint ?? 1;
  const margin = Math.max((last - first) / 4, (MIN_POINTS * step) / 2);
  const from = first - Math.ceil(margin / step) * step;
  const until = Math.min(last + margin, Math.max(last, now)) + step;
  const width = Math.ceil((until - from) / COLUMNS / step) * step;
  const columns = Math.ceil((until - from) / width);
  const bandOf = (ring: Ring | undefined): Band => {
    const [low, high] = [new Float64Array(columns).fill(Number.NaN), new Float64Array(columns).fill(Number.NaN)];
    eachPoint(ring, now, (time, value) => {
      const column = Math.floor((time - from) / width);
      if (column < 0 || column >= columns || !Number.isFinite(value)) return;
      // A comparison with NaN is false.
      if (!((low[column] ?? 0) <= value)) low[column] = value;
      if (!((high[column] ?? 0) >= value)) high[column] = value;
    });
    return { low, high };
  };
  return { step, from, width, before: bandOf(before), after: bandOf(after) };
}
