import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { codeOf, RunLockedError, WhisperBackupError } from '../errors.ts';
import { flock } from './flock.ts';

/** A run lock that is held. */
export interface RunLock {
  release(): Promise<void>;
}

/**
 * Takes the lock that keeps runs on one host apart. It is flock(2) on a file that stays: the kernel lets go of it with
 * the process, however that ends, so there is no stale lock.
 *
 * Root and the service user share it: the file is readable by all, and reading is enough to lock. It is opened without
 * O_CREAT first, since Linux forbids root to open another user's file with O_CREAT in a sticky directory such as
 * /var/lock (fs.protected_regular).
 *
 * @throws RunLockedError when another run holds it for `timeout` seconds.
 */
export async function acquireRunLock(
  path: string,
  options: { readonly timeout: number; readonly signal?: AbortSignal },
): Promise<RunLock> {
  const handle = await openLockFile(path);
  try {
    await flock(handle.fd, 'exclusive', {
      timeout: options.timeout,
      file: path,
      stopped: () => options.signal?.aborted ?? false,
    });
  } catch (cause) {
    await handle.close();
    options.signal?.throwIfAborted();
    if (codeOf(cause) !== 'LOCK_TIMEOUT') throw cause;
    throw new RunLockedError(
      `Cannot start: another run has held the lock ${path} for ${options.timeout} s: wait for it, or see --locktimeout`,
      { cause },
    );
  }
  return { release: () => handle.close() };
}

async function openLockFile(path: string): Promise<FileHandle> {
  const existing = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const created = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
  for (let tries = 0; ; tries++) {
    try {
      return await open(path, existing);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw lockFileError(path, error);
    }
    try {
      const handle = await open(path, created, 0o644);
      await handle.chmod(0o644);
      return handle;
    } catch (error) {
      // Another run may have made it between the two.
      if (codeOf(error) !== 'EEXIST' || tries > 10) throw lockFileError(path, error);
    }
  }
}

function lockFileError(path: string, cause: unknown): WhisperBackupError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new WhisperBackupError('LOCK_FILE', `Cannot open the lock file ${path}: ${reason}: see --lockfile`, { cause });
}
