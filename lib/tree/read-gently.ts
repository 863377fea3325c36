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
  tryRead,
  waitWhileFresh,
} from './read-file.ts';

/**
 * Reads a whole file in a consistent state with little effect on carbon:
 *
 * - holds the shared lock only while it copies cached pages, not while it waits for the disk or for the file's times;
 * - drops the pages that were not in the page cache before, if the kernel reports which ones these are.
 *
 * @param allocate provides memory for the file; called again if the file has grown.
 * @param use what to do with it, once the file is closed again. As nothing else runs in between, all files of a thread
 *   can use the same memory.
 * @returns what `use` returns.
 * @throws WhisperBackupError as `openLocked` and `readStable` do.
 * @throws Error of the system, or of `use`.
 */
export async function readGently<T>(
  file: string,
  options: LockOptions,
  allocate: Allocate,
  use: (read: StableRead) => T,
): Promise<T> {
  const { fd, stats } = openRegular(file, 'read');
  let uncached: readonly PageRange[] | undefined;
  let isOpen = true;
  const release = () => {
    if (!isOpen) return;
    isOpen = false;
    if (uncached && uncached.length > 0) {
      if (options.flock) unlock(fd);
      dropPages(fd, uncached);
    }
    closeSync(fd);
  };
  try {
    const size = Number(stats.size);
    if (size > 0 && size <= FILE_BYTES) {
      uncached = mayAskResidency(Number(stats.uid)) ? uncachedPages(fd, size) : undefined;
      // Reading twice costs a copy. Waiting for the disk while holding the lock could delay carbon for seconds.
      if (options.flock && uncached?.length !== 0) readInto(fd, allocate(size).subarray(0, size));
    }
    for (let reads = 1, latest = stats; ; reads++, latest = fstatSync(fd, { bigint: true })) {
      await lockSettled(file, fd, latest, reads === READS, options);
      const read = tryRead(file, fd, allocate);
      if (read) {
        release();
        return use(read);
      }
      if (reads === READS) throw keepsChanging(file);
      if (options.flock) unlock(fd);
    }
  } finally {
    release();
  }
}

/** Locks a file whose times are old enough to show a change. @param stats the current stats of the file. */
async function lockSettled(
  file: string,
  fd: number,
  stats: BigIntStats,
  isLast: boolean,
  options: LockOptions,
): Promise<void> {
  waitWhileFresh(stats);
  if (!options.flock) return;
  await lock(fd, file, 'read', options);
  // The last attempt waits while it holds the lock, in case a writer comes back each time the lock is released.
  if (isLast) waitWhileFresh(fstatSync(fd, { bigint: true }));
}
