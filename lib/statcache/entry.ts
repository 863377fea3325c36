import * as v from 'valibot';
import type { Ordered } from '../common/merge.ts';
import type { FileStat } from '../tree/file-stat.ts';

/** The stat of a file when it was read, and the hash of its content. */
export interface CacheEntry extends Ordered, FileStat {
  /** SHA-1 of the file's content, 40 hex digits. */
  readonly sha1: string;
}

/** What a cache contains. Files of another name, tree or place have no entries. */
export interface CacheFormat<E extends Ordered> {
  /** For messages, e.g. `stat cache`. */
  readonly name: string;
  /** What a run does without it, for messages, e.g. `all files are read`. */
  readonly without: string;
  /** The content of the first frame: the format, and what the cache is for. */
  readonly header: Readonly<Record<string, string>>;
  readonly encode: (entry: E) => readonly unknown[];
  /** @returns undefined if a row is not that of an entry. */
  readonly decode: (row: unknown) => E | undefined;
}

const Row = v.strictTuple([v.string(), v.number(), v.number(), v.number(), v.number(), v.string()]);

export function statCacheFormat(prefix: string): CacheFormat<CacheEntry> {
  return {
    name: 'stat cache',
    without: 'all files are read',
    header: { format: 'whisper-backup stat cache 1', prefix },
    encode: ({ order, size, mtimeMs, ctimeMs, ino, sha1 }) => [order, size, mtimeMs, ctimeMs, ino, sha1],
    decode(row) {
      if (!v.is(Row, row)) return undefined;
      const [order, size, mtimeMs, ctimeMs, ino, sha1] = row;
      return { order, size, mtimeMs, ctimeMs, ino, sha1 };
    },
  };
}

/**
 * How far the clock of a file system may be behind ours, including its resolution. A file written less than this before
 * it was read could be written again without a change of its times.
 */
export const CLOCK_TOLERANCE_MS = 2000;

/**
 * Returns whether any later change of a file will change its stat.
 *
 * @param stat from before the read.
 * @param readAt start of the read, Unix time in milliseconds.
 */
export function isSettled(stat: FileStat, readAt: number): boolean {
  return Math.max(stat.mtimeMs, stat.ctimeMs) < readAt - CLOCK_TOLERANCE_MS;
}

export function isSameStat(a: FileStat, b: FileStat): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino;
}
