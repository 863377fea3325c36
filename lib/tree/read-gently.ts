import { type BigIntStats, closeSync, fstatSync } from 'node:fs';
import { unlock } from '../system/flock.ts';
import { dropPages, mayAskResidency, type PageRange, uncachedPages } from '../system/page-cache.ts';
import {
  type Allocate,
  FILE_BYTES,
  keepsChanging,
  type LockOptions,
  lock,
  openRegular,
  READS,
  readInto,
  type StableRead,
  settle,
  tryRead,
} from './read-file.ts';

/**
 * Reads a whole file in a consistent state with little effect on carbon:
 *
 * - holds the shared lock only while it copies cached pages, not while it waits for the disk or for the file's times;
 * - drops the pages that were not in the page cache before, if the kernel reports which ones these are.
 *
 * @param allocate provides memory for the file; called again if the file has grown.
 * @throws WhisperBackupError as `openLocked` and `readStable` do.
 * @throws Error of the system.
 */
export async function readGently(file: string, options: LockOptions, allocate: Allocate): Promise<StableRead> {
  const { fd, stats } = openRegular(file, 'read');
  let uncached: readonly PageRange[] | undefined;
  try {
    const size = Number(stats.size);
    if (size > 0 && size <= FILE_BYTES) {
      uncached = mayAskResidency(Number(stats.uid)) ? uncachedPages(fd, size) : undefined;
      // Reading twice costs a copy. Waiting for the disk while holding the lock could delay carbon for seconds.
      if (options.flock && uncached?.length !== 0) readInto(fd, allocate(size).subarray(0, size));
    }
    return await readWhileLocked(file, fd, stats, options, allocate);
  } finally {
    if (uncached && uncached.length > 0) {
      if (options.flock) unlock(fd);
      dropPages(fd, uncached);
    }
    closeSync(fd);
  }
}

/**
 * Does not release the lock; the caller must.
 *
 * @param stats the current stats of the file.
 */
async function readWhileLocked(
  file: string,
  fd: number,
  stats: BigIntStats,
  options: LockOptions,
  allocate: Allocate,
): Promise<StableRead> {
  const now = () => fstatSync(fd, { bigint: true });
  for (let reads = 1, latest = stats; ; reads++, latest = now()) {
    settle(latest);
    if (options.flock) await lock(fd, file, 'read', options);
    // The last attempt waits while it holds the lock, in case a writer comes back each time the lock is released.
    if (options.flock && reads === READS) settle(now());
    const read = tryRead(file, fd, allocate);
    if (read) return read;
    if (reads === READS) throw keepsChanging(file);
    if (options.flock) unlock(fd);
  }
}
