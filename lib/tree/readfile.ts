import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs';
import { codeOf, WhisperBackupError } from '../errors.ts';
import { flock } from '../system/flock.ts';

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
 * How exact a file's times are, in milliseconds: Linux before 6.13 counts in ticks of the kernel's clock, 10 ms at
 * worst, and Deno tells whole milliseconds. A second write within one of them would leave no trace.
 */
const TIME_GRAIN = 10;

/**
 * Reads an open file whole, in a state that existed: carbon writes without locks unless told otherwise, so a file whose
 * size or times changed meanwhile is read again. One that was written just now is given a moment first.
 *
 * @throws WhisperBackupError `TOO_LARGE`, or `KEEPS_CHANGING` when three reads did not get a quiet moment.
 */
export function readStable(file: string, fd: number): Uint8Array {
  for (let reads = 0; reads < READS; reads++) {
    let before = fstatSync(fd, { bigint: true });
    if (isFresh(before)) {
      pause(TIME_GRAIN);
      before = fstatSync(fd, { bigint: true });
    }
    const settled = !isFresh(before);
    if (before.size > FILE_BYTES)
      throw new WhisperBackupError('TOO_LARGE', `Cannot read ${file}: it has ${before.size} bytes, over 2 GiB`);
    const bytes = readWhole(fd, Number(before.size));
    const after = fstatSync(fd, { bigint: true });
    const quiet = after.size === before.size && after.mtimeNs === before.mtimeNs && after.ctimeNs === before.ctimeNs;
    if (settled && quiet && bytes.length === Number(before.size)) return bytes;
  }
  throw new WhisperBackupError(
    'KEEPS_CHANGING',
    `Cannot read ${file}: it changed during each of ${READS} reads: let carbon lock it (WHISPER_LOCK_WRITES = True)`,
  );
}

/** Whether a write of this very moment could leave the file's times as they are. */
function isFresh({ mtimeNs }: BigIntStats): boolean {
  return Math.abs(Date.now() - Number(mtimeNs / 1_000_000n)) <= TIME_GRAIN;
}

/** Blocks the thread, which is a worker's. @param milliseconds how long. */
function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds + 1);
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
