import { setTimeout as sleep } from 'node:timers/promises';
import { WhisperBackupError } from '../common/errors.ts';
import { lastError, libc } from './libc.ts';

/** Operations of flock(2); the same on Linux and the BSDs. */
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

interface FlockOptions {
  /** Seconds to wait for the lock. */
  readonly timeout: number;
  /** Polled between attempts; true gives up. A function, because an AbortSignal cannot be sent to a worker thread. */
  readonly stopped?: () => boolean;
  readonly file: string;
}

/**
 * Locks an open file with flock(2), as Whisper and carbon do (`WHISPER_LOCK_WRITES`). A read-only descriptor suffices
 * for both kinds. Polls, because a blocking flock(2) could neither time out nor be stopped.
 *
 * @throws WhisperBackupError `LOCK_TIMEOUT` if another process keeps the lock, `NO_LOCKS` if the file system has no
 *   locks, `STOPPED` if `stopped` returned true.
 */
export async function flock(fd: number, kind: 'shared' | 'exclusive', options: FlockOptions): Promise<void> {
  const operation = (kind === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB;
  const deadline = performance.now() + options.timeout * 1000;
  for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
    if (libc.flock(fd, operation) === 0) return;
    const error = lastError();
    if (error === 'EINTR') continue;
    if (error !== 'EAGAIN' && error !== 'EWOULDBLOCK') {
      throw new WhisperBackupError(
        'NO_LOCKS',
        `Cannot lock ${options.file}: ${error}. If its file system does not support locks, use --no-flock.`,
      );
    }
    if (options.stopped?.()) throw new WhisperBackupError('STOPPED', `Stopped while waiting to lock ${options.file}`);
    const left = deadline - performance.now();
    if (left <= 0) {
      throw new WhisperBackupError(
        'LOCK_TIMEOUT',
        `Cannot lock ${options.file}: the lock was not acquired within ${options.timeout} s (held by another process)`,
      );
    }
    await sleep(Math.min(wait, left));
  }
}

/** Releases a lock. Closing the descriptor does so too. */
export function unlock(fd: number): void {
  libc.flock(fd, LOCK_UN);
}
