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
import { codeOf, WhisperBackupError } from '../common/errors.ts';
import { locateFile } from '../system/descent.ts';
import { flock } from '../system/flock.ts';
import { currentUser, linkLoop } from '../system/link-rule.ts';
import { assertRegular } from '../system/regular-file.ts';

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
 * @param at the path to open it by, following no link. @default `file`, and what that links to
 * @throws WhisperBackupError `VANISHED` when there is no such file, `DANGLING_LINK`, `NOT_REGULAR`, `LOCK_TIMEOUT`,
 *   `NO_LOCKS`, `STOPPED`, or the system's error.
 */
export async function openLocked(
  file: string,
  mode: 'read' | 'write',
  options: LockOptions,
  at?: string,
): Promise<OpenFile> {
  const { fd } = openRegular(file, mode, at);
  try {
    if (options.flock) await lock(fd, file, mode, options);
    return { fd, stats: fstatSync(fd), close: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Locks what {@link openRegular} opened; throws as {@link openLocked} does. */
export function lock(fd: number, file: string, mode: 'read' | 'write', options: LockOptions): Promise<void> {
  const { fileLockTimeout: timeout, stopped } = options;
  return flock(fd, mode === 'read' ? 'shared' : 'exclusive', { file, timeout, ...(stopped && { stopped }) });
}

/**
 * Opens a regular file, without its lock. Looks before it opens (a device may act on being opened), and opens without
 * blocking (a FIFO may be swapped in).
 *
 * @param at as for {@link openLocked}.
 * @throws WhisperBackupError `VANISHED`, `DANGLING_LINK`, `NOT_REGULAR`, or the system's error.
 */
export function openRegular(
  file: string,
  mode: 'read' | 'write',
  at?: string,
): { readonly fd: number; readonly stats: BigIntStats } {
  const flags = (mode === 'read' ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NONBLOCK;
  try {
    const found = lstatSync(at ?? file);
    if (at === undefined && found.isSymbolicLink()) {
      if (currentUser() === 0) return openLinked(file, mode);
      assertRegular(file, statSync(file));
    } else assertRegular(file, found);
    const fd = openSync(at ?? file, at === undefined ? flags : flags | constants.O_NOFOLLOW);
    try {
      const stats = fstatSync(fd, { bigint: true });
      assertRegular(file, stats);
      return { fd, stats };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  } catch (cause) {
    if (at === undefined && codeOf(cause) === 'ELOOP') throw linkLoop(file, { cause });
    if (codeOf(cause) !== 'ENOENT') throw cause;
    if (at === undefined && lstatSync(file, { throwIfNoEntry: false }))
      throw new WhisperBackupError('DANGLING_LINK', `Cannot read ${file}: it is a link to nothing`, { cause });
    throw new WhisperBackupError('VANISHED', `Cannot read ${file}: it does not exist`, { cause });
  }
}

/** Opens what a link leads to, if root may follow it. */
function openLinked(file: string, mode: 'read' | 'write'): ReturnType<typeof openRegular> {
  const place = locateFile(file);
  try {
    return openRegular(place.path, mode, place.at);
  } finally {
    place.close();
  }
}

/** How often a file that changes under our eyes is read before we give up. */
export const READS = 3;

/**
 * How exact a file's times are, in milliseconds: Linux before 6.13 counts in ticks of the kernel's clock, 10 ms at
 * worst, and Deno tells whole milliseconds. A second write within one of them would leave no trace.
 */
const TIME_GRAIN = 10;

/** A file in a state that existed. */
export interface StableRead {
  readonly bytes: Uint8Array;
  /** As it was before and after the read. */
  readonly stats: BigIntStats;
}

/** Where the bytes of a file go: memory for that many, or for more. */
export type Room = (bytes: number) => Uint8Array;

/**
 * Reads an open file whole, in a state that existed: carbon writes without locks unless told otherwise, so a file whose
 * size or times changed meanwhile is read again. One that was written just now is given a moment first.
 *
 * @throws WhisperBackupError `TOO_LARGE`, or `KEEPS_CHANGING` when three reads did not get a quiet moment.
 */
export function readStable(file: string, fd: number): Uint8Array {
  for (let reads = 0; reads < READS; reads++) {
    settle(fstatSync(fd, { bigint: true }));
    const read = tryRead(file, fd);
    if (read) return read.bytes;
  }
  throw keepsChanging(file);
}

/** Waits until the next write will leave a trace in the file's times. It blocks the thread, which is a worker's. */
export function settle(stats: BigIntStats): void {
  if (isFresh(stats)) Atomics.wait(NEVER_WOKEN, 0, 0, TIME_GRAIN + 1);
}

const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(4));

/**
 * Reads an open file once.
 *
 * @returns undefined when it changed meanwhile, or just before, so that it cannot be known.
 * @throws WhisperBackupError `TOO_LARGE`.
 */
export function tryRead(file: string, fd: number, room: Room = allocate): StableRead | undefined {
  const before = fstatSync(fd, { bigint: true });
  if (isFresh(before)) return undefined;
  if (before.size > FILE_BYTES)
    throw new WhisperBackupError('TOO_LARGE', `Cannot read ${file}: it has ${before.size} bytes, over 2 GiB`);
  const size = Number(before.size);
  const bytes = readInto(fd, room(size).subarray(0, size));
  const after = fstatSync(fd, { bigint: true });
  const quiet = after.size === before.size && after.mtimeNs === before.mtimeNs && after.ctimeNs === before.ctimeNs;
  return quiet && bytes.length === size ? { bytes, stats: after } : undefined;
}

export function keepsChanging(file: string): WhisperBackupError {
  const remedy = 'let carbon lock it (WHISPER_LOCK_WRITES = True)';
  return new WhisperBackupError(
    'KEEPS_CHANGING',
    `Cannot read ${file}: it changed during each of ${READS} reads: ${remedy}`,
  );
}

/** Whether a write of this very moment could leave the file's times as they are. */
function isFresh({ mtimeNs }: BigIntStats): boolean {
  return Math.abs(Date.now() - Number(mtimeNs / 1_000_000n)) <= TIME_GRAIN;
}

function allocate(bytes: number): Uint8Array {
  return new Uint8Array(bytes);
}

/** Fills memory from the beginning of an open file. @returns as much of it as the file had. */
export function readInto(fd: number, room: Uint8Array): Uint8Array {
  let read = 0;
  while (read < room.length) {
    const count = readSync(fd, room, read, room.length - read, read);
    if (count === 0) break;
    read += count;
  }
  return room.subarray(0, read);
}
