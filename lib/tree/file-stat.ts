import type { BigIntStats } from 'node:fs';

/**
 * The result of stat(2) for a file or the target of a link. All values are doubles, so times are exact to about 0.25
 * microseconds only, and inodes above 2 ** 53 are rounded. An unchanged file always has the same values on one runtime.
 * Deno returns whole milliseconds, so with a cache of the other runtime all files are read again.
 */
export interface FileStat {
  /** In bytes. */
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
}

/** Converts to exactly the values that `stat` returns without `bigint`. */
export function fileStatOf({ size, mtimeNs, ctimeNs, ino }: BigIntStats): FileStat {
  return { size: Number(size), mtimeMs: milliseconds(mtimeNs), ctimeMs: milliseconds(ctimeNs), ino: Number(ino) };
}

const SECOND = 1_000_000_000n;

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / SECOND) * 1000 + Number(nanoseconds % SECOND) / 1e6;
}
