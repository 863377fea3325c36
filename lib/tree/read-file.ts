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
import { currentUser, danglingLink, linkLoop } from '../system/link-rule.ts';
import { assertRegular } from '../system/regular-file.ts';

/** The maximum size of a file, in bytes: each file is read into memory. */
export const FILE_BYTES = 2 ** 31;

/** How to open and lock a local file. All calls except the wait for the lock are synchronous: they run in a worker. */
export interface LockOptions {
  readonly flock: boolean;
  /** Seconds to wait for the lock. */
  readonly fileLockTimeout: number;
  /** Polled while waiting for the lock; true gives up. */
  readonly stopped?: () => boolean;
}

export interface OpenFile {
  readonly fd: number;
  readonly stats: Stats;
  close(): void;
}

/**
 * Opens a regular file and locks it: shared for reading, exclusive for writing.
 *
 * @param at the path for the system call, which follows no link. @default `file`, following links
 * @throws WhisperBackupError `VANISHED` if the file does not exist, `DANGLING_LINK`, `NOT_REGULAR`, `LOCK_TIMEOUT`,
 *   `NO_LOCKS`, `STOPPED`
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

/**
 * Reads a whole file in a consistent state, and holds the shared lock only for the read.
 *
 * @throws WhisperBackupError as {@link openLocked} and {@link readStable} do.
 */
export async function readLocked(file: string, options: LockOptions): Promise<Uint8Array> {
  const open = await openLocked(file, 'read', options);
  try {
    return readStable(file, open.fd);
  } finally {
    open.close();
  }
}

/** Locks a file that {@link openRegular} opened. @throws WhisperBackupError as {@link openLocked} does. */
export function lock(fd: number, file: string, mode: 'read' | 'write', options: LockOptions): Promise<void> {
  const { fileLockTimeout: timeout, stopped } = options;
  return flock(fd, mode === 'read' ? 'shared' : 'exclusive', { file, timeout, ...(stopped && { stopped }) });
}

/**
 * Opens a regular file without locking it. Checks the type before opening, because opening a device may have side
 * effects, and opens without blocking, because a FIFO may replace the file in between.
 *
 * @param at as for {@link openLocked}.
 * @throws WhisperBackupError `VANISHED`, `DANGLING_LINK`, `NOT_REGULAR`
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
    if (at === undefined && lstatSync(file, { throwIfNoEntry: false })) throw danglingLink(file, { cause });
    throw new WhisperBackupError('VANISHED', `Cannot read ${file}: it does not exist`, { cause });
  }
}

/** Opens the target of a link as root, if root may follow the link. */
function openLinked(file: string, mode: 'read' | 'write'): ReturnType<typeof openRegular> {
  const place = locateFile(file);
  try {
    return openRegular(place.path, mode, place.at);
  } finally {
    place.close();
  }
}

/** How many times a file that keeps changing is read. */
export const READS = 3;

/**
 * The resolution of file times: up to 10 ms on Linux before 6.13, whole milliseconds in Deno. A second write within
 * this time would not change them.
 */
const TIME_RESOLUTION_MS = 10;

/** The content of a file that did not change during the read. */
export interface StableRead {
  readonly bytes: Uint8Array;
  readonly stats: BigIntStats;
}

/** Provides memory of at least that many bytes. */
export type Allocate = (bytes: number) => Uint8Array;

/**
 * Reads a whole open file in a consistent state. By default carbon writes without locks, so a file whose size or times
 * change during the read is read again. Waits a moment before reading a file that was written just now.
 *
 * @throws WhisperBackupError `TOO_LARGE`, or `KEEPS_CHANGING` if the file changed during each of three reads.
 */
export function readStable(file: string, fd: number): Uint8Array {
  for (let reads = 0; reads < READS; reads++) {
    waitWhileFresh(fstatSync(fd, { bigint: true }));
    const read = tryRead(file, fd);
    if (read) return read.bytes;
  }
  throw keepsChanging(file);
}

/** Waits until another write would change the file's times. Blocks the thread, which is a worker. */
export function waitWhileFresh(stats: BigIntStats): void {
  if (isFresh(stats)) Atomics.wait(NEVER_WOKEN, 0, 0, TIME_RESOLUTION_MS + 1);
}

const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(4));

/**
 * Reads an open file once.
 *
 * @returns undefined if the file changed during the read, or so shortly before it that a change would not be noticed.
 * @throws WhisperBackupError `TOO_LARGE`
 */
export function tryRead(file: string, fd: number, allocate: Allocate = allocateNew): StableRead | undefined {
  const before = fstatSync(fd, { bigint: true });
  if (isFresh(before)) return undefined;
  if (before.size > FILE_BYTES)
    throw new WhisperBackupError('TOO_LARGE', `Cannot read ${file}: it has ${before.size} bytes, the limit is 2 GiB`);
  const size = Number(before.size);
  const bytes = readInto(fd, allocate(size).subarray(0, size));
  const after = fstatSync(fd, { bigint: true });
  const quiet = after.size === before.size && after.mtimeNs === before.mtimeNs && after.ctimeNs === before.ctimeNs;
  return quiet && bytes.length === size ? { bytes, stats: after } : undefined;
}

export function keepsChanging(file: string): WhisperBackupError {
  const remedy = 'Enable locks in carbon (WHISPER_LOCK_WRITES = True).';
  return new WhisperBackupError(
    'KEEPS_CHANGING',
    `Cannot read ${file}: it changed during each of ${READS} reads. ${remedy}`,
  );
}

/** Whether a write at this moment could leave the file's times unchanged. */
function isFresh({ mtimeNs }: BigIntStats): boolean {
  return Math.abs(Date.now() - Number(mtimeNs / 1_000_000n)) <= TIME_RESOLUTION_MS;
}

function allocateNew(bytes: number): Uint8Array {
  return new Uint8Array(bytes);
}

/** Reads the beginning of an open file into memory. @returns the part of `memory` that was filled. */
export function readInto(fd: number, memory: Uint8Array): Uint8Array {
  let read = 0;
  while (read < memory.length) {
    const count = readSync(fd, memory, read, memory.length - read, read);
    if (count === 0) break;
    read += count;
  }
  return memory.subarray(0, read);
}
