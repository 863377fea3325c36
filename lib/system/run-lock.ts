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
import { codeOf, RunLockedError, reasonOf, WhisperBackupError } from '../common/errors.ts';
import { flock } from './flock.ts';
import { deadHolder, isPythonLock } from './python-lock.ts';

/** A run lock that is held. */
export interface RunLock {
  /** Lets go of it and removes its files, before the call returns. It may be called again. */
  release(): Promise<void>;
}

export interface RunLockOptions {
  /** In seconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

/** What a lock file of ours holds, so that it differs from one of the Python tool. */
const MARK = 'whisper-backup\n';

/** A younger empty file with one name may be one that the Python tool is about to remove, or that a run has just made. */
const SETTLED_AFTER_MS = 2000;

/**
 * Takes the lock that keeps runs on one host apart, and apart from those of the Python tool.
 *
 * Among ourselves it is flock(2) on the file: the kernel lets go of it with the process, however that ends, so a file that
 * was left behind is not a lock. For the Python tool the name alone is the lock (see `python-lock.ts`), so the file is made
 * when a run starts, and removed when it ends. That tool appends `.lock` to what its `--lockfile` names: that name is taken
 * as well.
 *
 * Root and the service user share it: the file is readable by all, and reading is enough to lock. It is opened without
 * O_CREAT first, since Linux forbids root to open another user's file with O_CREAT in a sticky directory such as
 * /var/lock (fs.protected_regular).
 *
 * @throws RunLockedError when another run, or the Python tool, holds it for `timeout` seconds.
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
    // Where this user can make no file, a Python tool of the same user can take no lock either.
    if (codeOf(error) !== 'LOCK_FILE') {
      release();
      throw error;
    }
  }
  return { release: async () => release() };
}

/** A lock file that is locked. */
interface LockFile {
  readonly path: string;
  readonly descriptor: number;
}

/** Why a lock cannot be had now; `changed` is worth another try. */
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

/** Tries once. */
async function lock(path: string, descriptor: number): Promise<Obstacle | undefined> {
  const found = fstatSync(descriptor);
  const isPython = isPythonLock(found);
  const dead = isPython ? await deadHolder(path, found) : undefined;
  if (isPython && dead === undefined) return 'python';
  if (!(await tryFlock(path, descriptor))) return 'run';
  // Its last holder may have removed it since it was opened.
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

/** Removes the name while the lock is still held, so that nobody else's is removed. A file with content, or a FIFO, is not ours. */
function remove({ path, descriptor }: LockFile): void {
  const file = fstatSync(descriptor);
  if (file.isFile() && (file.size === 0 || isMarked(descriptor)) && isAt(path, file)) unlinkIfAllowed(path);
  closeSync(descriptor);
}

/**
 * Marks a new file before anything else is done, so that a run that is killed while it starts blocks nobody. Without the
 * mark, as on a full disk, the file is a lock all the same; that of a killed run is taken over 2 s later.
 */
function mark(descriptor: number): void {
  try {
    writeSync(descriptor, MARK);
  } catch {
    // See above.
  }
}

function isMarked(descriptor: number): boolean {
  const content = Buffer.alloc(MARK.length + 1);
  return content.toString('latin1', 0, readSync(descriptor, content, 0, content.length, 0)) === MARK;
}

/** In a sticky directory a file of another user stays; the next run locks it as it is. */
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
      // Another run may have made it between the two.
      if (codeOf(error) !== 'EEXIST' || tries > 10) throw lockFileError(path, error);
    }
  }
}

function lockedError(path: string, obstacle: Obstacle, timeout: number): RunLockedError {
  const [holder, remedy] =
    obstacle === 'python'
      ? ['the Python whisper-backup', `wait for it, or see --locktimeout; if none is running, remove ${path}`]
      : ['another run', 'wait for it, or see --locktimeout'];
  return new RunLockedError(`Cannot start: ${holder} has held the lock ${path} for ${timeout} s: ${remedy}`);
}

function lockFileError(path: string, cause: unknown): WhisperBackupError {
  const message = `Cannot open the lock file ${path}: ${reasonOf(cause)}: see --lockfile`;
  return new WhisperBackupError('LOCK_FILE', message, { cause });
}
