import { type BigIntStats, closeSync, fstatSync } from 'node:fs';
import { unlock } from '../system/flock.ts';
import { dropPages, mayAskResidency, type PageRange, uncachedPages } from '../system/page-cache.ts';
import {
  FILE_BYTES,
  keepsChanging,
  type LockOptions,
  lock,
  openRegular,
  READS,
  type Room,
  readInto,
  type StableRead,
  settle,
  tryRead,
} from './read-file.ts';

/**
 * Reads a file whole, in a state that existed, so that carbon does not notice:
 *
 * - its shared lock is held while cached pages are copied, and not while the disk is waited for, nor for the file's
 *   times to settle;
 * - pages that were not in the page cache before are given back, where the kernel tells which those are.
 *
 * @param room where the bytes go; asked again when the file has grown.
 * @throws WhisperBackupError as `openLocked` and `readStable` do, or the system's error.
 */
export async function readGently(file: string, options: LockOptions, room: Room): Promise<StableRead> {
  const { fd, stats } = openRegular(file, 'read');
  let uncached: readonly PageRange[] | undefined;
  try {
    const size = Number(stats.size);
    if (size > 0 && size <= FILE_BYTES) {
      uncached = mayAskResidency(Number(stats.uid)) ? uncachedPages(fd, size) : undefined;
      // The same bytes once more under the lock cost a copy; to wait for a disk under it could cost carbon seconds.
      if (options.flock && uncached?.length !== 0) readInto(fd, room(size).subarray(0, size));
    }
    return await readLocked(file, fd, stats, options, room);
  } finally {
    if (uncached && uncached.length > 0) {
      if (options.flock) unlock(fd);
      dropPages(fd, uncached);
    }
    closeSync(fd);
  }
}

/** @param stats as of just now. The lock is left to whoever closes the descriptor. */
async function readLocked(
  file: string,
  fd: number,
  stats: BigIntStats,
  options: LockOptions,
  room: Room,
): Promise<StableRead> {
  const now = () => fstatSync(fd, { bigint: true });
  for (let reads = 1, latest = stats; ; reads++, latest = now()) {
    settle(latest);
    if (options.flock) await lock(fd, file, 'read', options);
    // A writer that is there again each time we let go is kept out at last.
    if (options.flock && reads === READS) settle(now());
    const read = tryRead(file, fd, room);
    if (read) return read;
    if (reads === READS) throw keepsChanging(file);
    if (options.flock) unlock(fd);
  }
}
