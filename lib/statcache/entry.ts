import type { Ordered } from '../common/merge.ts';
import type { FileStat } from '../tree/file-stat.ts';

/** The stat of a file when it was read, and the hash of its content. */
export interface CacheEntry extends Ordered, FileStat {
  /** SHA-1 of the file's content, 40 hex digits. */
  readonly sha1: string;
}

/**
 * How far the clock of a file system may be behind ours, including its resolution. A file written less than this before
 * it was read could be written again without a change of its times.
 */
const CLOCK_TOLERANCE_MS = 2000;

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
