import type { Ordered } from '../common/merge.ts';
import type { FileStat } from '../tree/file-stat.ts';

/** What is remembered of a file: what it looked like when it was read, and what was in it. */
export interface CacheEntry extends Ordered, FileStat {
  /** Of the file's content, 40 hex digits. */
  readonly sha1: string;
}

/**
 * How far the clock of a file system may lag behind ours, and how coarsely it may count, in milliseconds. A file that
 * was written so shortly before it was read could be written again without a trace in its times.
 */
const GRAIN = 2000;

/**
 * Whether a file's content can be told from its stat from now on.
 *
 * @param stat as it was before the read.
 * @param readAt when the read began, in milliseconds since 1970.
 */
export function isSettled(stat: FileStat, readAt: number): boolean {
  return Math.max(stat.mtimeMs, stat.ctimeMs) < readAt - GRAIN;
}

/** Whether nothing tells the two apart. */
export function isSameStat(a: FileStat, b: FileStat): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino;
}
