import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { codeOf, WhisperBackupError } from './errors.ts';
import { flock } from './flock.ts';

/** The largest file that is taken, in bytes: it is held in memory whole. */
export const FILE_BYTES = 2 ** 31;

/** How a local file is opened and locked. All calls are synchronous but the wait for the lock: this runs in a worker. */
export interface LockOptions {
  /** Take the flock(2) lock. */
  readonly flock: boolean;
  /** In seconds. */
  readonly fileLockTimeout: number;
  /** Whether to give up waiting. */
  readonly stopped?: () => boolean;
}

/** A file that is open, and locked if it was to be. */
export interface OpenFile {
  readonly fd: number;
  /** As it was when it was opened, before the wait for the lock. */
  readonly stats: Stats;
  close(): void;
}

/**
 * Opens a regular file and locks it: shared to read, exclusive to write.
 *
 * @throws WhisperBackupError `VANISHED` when there is no such file, `DANGLING_LINK`, `NOT_REGULAR`, `LOCK_TIMEOUT`,
 *   `NO_LOCKS`, `STOPPED`, or the system's error.
 */
export async function openLocked(file: string, mode: 'read' | 'write', options: LockOptions): Promise<OpenFile> {
  const fd = openRegular(file, mode);
  try {
    if (options.flock) {
      const timeout = options.fileLockTimeout;
      const stopped = options.stopped;
      await flock(fd, mode === 'read' ? 'shared' : 'exclusive', { file, timeout, ...(stopped && { stopped }) });
    }
    return { fd, stats: fstatSync(fd), close: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Looks before it opens (a device may act on being opened), and opens without blocking (a FIFO may be swapped in). */
function openRegular(file: string, mode: 'read' | 'write'): number {
  try {
    assertRegular(file, statSync(file));
    const fd = openSync(file, (mode === 'read' ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NONBLOCK);
    try {
      assertRegular(file, fstatSync(fd));
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw cause;
    if (lstatSync(file, { throwIfNoEntry: false }))
      throw new WhisperBackupError('DANGLING_LINK', `Cannot read ${file}: it is a link to nothing`, { cause });
    throw new WhisperBackupError('VANISHED', `${file} is not there any more`, { cause });
  }
}

function assertRegular(file: string, stats: Stats): void {
  if (!stats.isFile()) throw new WhisperBackupError('NOT_REGULAR', `Cannot read ${file}: it is not a regular file`);
}

/** How often a file that changes under our eyes is read before we give up. */
const READS = 3;

/**
 * Reads an open file whole, in a state that existed: carbon writes without locks unless told otherwise, so a file whose
 * size or times changed meanwhile is read again.
 *
 * @throws WhisperBackupError `TOO_LARGE`, or `KEEPS_CHANGING` when three reads did not get a quiet moment.
 */
export function readStable(file: string, fd: number): Uint8Array {
  for (let reads = 0; reads < READS; reads++) {
    const before = fstatSync(fd, { bigint: true });
    if (before.size > FILE_BYTES)
      throw new WhisperBackupError('TOO_LARGE', `Cannot read ${file}: it has ${before.size} bytes, over 2 GiB`);
    const bytes = readWhole(fd, Number(before.size));
    const after = fstatSync(fd, { bigint: true });
    const quiet = after.size === before.size && after.mtimeNs === before.mtimeNs && after.ctimeNs === before.ctimeNs;
    if (quiet && bytes.length === Number(before.size)) return bytes;
  }
  throw new WhisperBackupError(
    'KEEPS_CHANGING',
    `Cannot read ${file}: it changed during each of ${READS} reads: let carbon lock it (WHISPER_LOCK_WRITES = True)`,
  );
}

function readWhole(fd: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let read = 0;
  while (read < size) {
    const count = readSync(fd, bytes, read, size - read, read);
    if (count === 0) break;
    read += count;
  }
  return bytes.subarray(0, read);
}
