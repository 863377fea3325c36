import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  type Stats,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, pathReason, RunLockedError, WhisperBackupError } from '../common/errors.ts';
import { flock } from './flock.ts';
import { deadHolder, isPythonLock } from './python-lock.ts';

export interface RunLock {
  /** Releases the lock and removes its files synchronously. May be called more than once. */
  release(): Promise<void>;
}

interface RunLockOptions {
  /** Seconds to wait for the lock. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

/** Content of our lock files, which distinguishes them from those of the Python tool. */
const MARK = 'whisper-backup\n';

/** A younger empty file may belong to a Python tool that is removing it, or to a run that just created it. */
const SETTLED_AFTER_MS = 2000;

/**
 * Acquires the lock that prevents two runs on one host at the same time, including runs of the Python tool.
 *
 * Between our own runs the lock is flock(2) on the file. The kernel releases it when the process ends, so a leftover
 * file is not a lock. For the Python tool the existence of the file is the lock (see `python-lock.ts`), so the file is
 * created when a run starts and removed when it ends. The Python tool appends `.lock` to its `--lockfile`, so that name
 * is locked too.
 *
 * Root and the service user share the lock: the file is readable by all, which is enough to lock it. It is first opened
 * without O_CREAT, because Linux forbids root to open another user's file with O_CREAT in a sticky directory such as
 * /var/lock (fs.protected_regular).
 *
 * @throws RunLockedError if another run or the Python tool holds the lock for `timeout` seconds.
 * @throws WhisperBackupError `LOCK_FILE` if the file cannot be opened or created.
 */
export async function acquireRunLock(path: string, options: RunLockOptions): Promise<RunLock> {
  const deadline = performance.now() + options.timeout * 1000;
  const held = [await acquire(path, deadline, options)];
  const release = (): void => {
    for (let file = held.pop(); file !== undefined; file = held.pop()) remove(file);
  };
  try {
    held.push(await acquire(`${path}.lock`, deadline, options));
  } catch (error) {
    // If this user cannot create the file, a Python tool of the same user cannot take the lock either.
    if (codeOf(error) !== 'LOCK_FILE') {
      release();
      throw error;
    }
  }
  return { release: async () => release() };
}

interface LockFile {
  readonly path: string;
  readonly descriptor: number;
}

/** Why the lock was not acquired; `changed` means that the file was replaced or is too young to decide. */
type Obstacle = 'run' | 'python' | 'changed';

async function acquire(path: string, deadline: number, { timeout, signal }: RunLockOptions): Promise<LockFile> {
  for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
    const descriptor = openLockFile(path);
    const obstacle = await lock(path, descriptor).catch((error) => {
      closeSync(descriptor);
      throw error;
    });
    if (obstacle === undefined) return { path, descriptor };
    closeSync(descriptor);
    signal?.throwIfAborted();
    const left = deadline - performance.now();
    if (left <= 0) throw lockedError(path, obstacle, timeout);
    await sleep(Math.min(wait, left));
  }
}

async function lock(path: string, descriptor: number): Promise<Obstacle | undefined> {
  const found = fstatSync(descriptor);
  const isPython = isPythonLock(found);
  const dead = isPython ? await deadHolder(path, found) : undefined;
  if (isPython && dead === undefined) return 'python';
  if (!(await tryFlock(path, descriptor))) return 'run';
  // The last holder may have removed the file since it was opened.
  const now = fstatSync(descriptor);
  if (!isAt(path, now) || now.nlink !== found.nlink) return 'changed';
  if (now.size === 0 && !isPython && !isSettled(now)) return 'changed';
  if (dead !== undefined) unlinkIfAllowed(dead);
  return undefined;
}

async function tryFlock(path: string, descriptor: number): Promise<boolean> {
  try {
    await flock(descriptor, 'exclusive', { timeout: 0, file: path });
    return true;
  } catch (error) {
    if (codeOf(error) === 'LOCK_TIMEOUT') return false;
    throw error;
  }
}

function isAt(path: string, { ino, dev }: Stats): boolean {
  const there = lstatSync(path, { throwIfNoEntry: false });
  return there?.ino === ino && there.dev === dev;
}

function isSettled({ ctimeMs }: Stats): boolean {
  return Math.abs(Date.now() - ctimeMs) >= SETTLED_AFTER_MS;
}

/** Removes the file before unlocking, so that no other run's file is removed. A FIFO or other content is not ours. */
function remove({ path, descriptor }: LockFile): void {
  const file = fstatSync(descriptor);
  if (file.isFile() && (file.size === 0 || isMarked(descriptor)) && isAt(path, file)) unlinkIfAllowed(path);
  closeSync(descriptor);
}

/**
 * Marks a new file at once, so that a run that is killed during its start does not block the next one. If this fails,
 * as on a full disk, the lock still works, but the next run waits 2 s after such a kill.
 */
function mark(descriptor: number): void {
  try {
    writeSync(descriptor, MARK);
  } catch {
    // The lock works without the mark.
  }
}

function isMarked(descriptor: number): boolean {
  const content = Buffer.alloc(MARK.length + 1);
  return content.toString('latin1', 0, readSync(descriptor, content, 0, content.length, 0)) === MARK;
}

/** A file of another user in a sticky directory cannot be removed. The next run locks it again. */
function unlinkIfAllowed(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(codeOf(error))) throw error;
  }
}

function openLockFile(path: string): number {
  const existing = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const created = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
  for (let tries = 0; ; tries++) {
    try {
      return openSync(path, existing);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw lockFileError(path, error);
    }
    try {
      const descriptor = openSync(path, created, 0o644);
      mark(descriptor);
      fchmodSync(descriptor, 0o644);
      return descriptor;
    } catch (error) {
      // Another run may have created it between the two calls.
      if (codeOf(error) !== 'EEXIST' || tries > 10) throw lockFileError(path, error);
    }
  }
}

function lockedError(path: string, obstacle: Obstacle, timeout: number): RunLockedError {
  const [holder, remedy] =
    obstacle === 'python'
      ? ['the Python whisper-backup', ` If it is not running, remove ${path}.`]
      : ['another run', ''];
  return new RunLockedError(
    `Cannot start: the run lock ${path} was not acquired within ${timeout} s (held by ${holder}). ` +
      `Wait until that run has ended, or increase --locktimeout.${remedy}`,
  );
}

function lockFileError(path: string, cause: unknown): WhisperBackupError {
  const message = `Cannot open the lock file ${path}: ${pathReason(cause)}. Check --lockfile and the rights on its directory.`;
  return new WhisperBackupError('LOCK_FILE', message, { cause });
}
