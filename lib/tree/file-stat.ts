import type { BigIntStats } from 'node:fs';

/**
 * What stat(2) says of a file, or of what a link leads to. All are doubles: times since 1970 in milliseconds are exact to
 * about 0.25 microseconds, not to the nanosecond, and inodes beyond 2 ** 53 are rounded. Equal files give equal figures
 * on one runtime; Deno tells whole milliseconds, so a cache must not be shared between runtimes unawares.
 */
export interface FileStat {
  /** In bytes. */
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
}

/** The same figures as stat(2) without `bigint` gives, digit by digit. */
export function fileStatOf({ size, mtimeNs, ctimeNs, ino }: BigIntStats): FileStat {
  return { size: Number(size), mtimeMs: milliseconds(mtimeNs), ctimeMs: milliseconds(ctimeNs), ino: Number(ino) };
}

const SECOND = 1_000_000_000n;

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / SECOND) * 1000 + Number(nanoseconds % SECOND) / 1e6;
}
