import { setTimeout as sleep } from 'node:timers/promises';
import { WhisperBackupError } from '../common/errors.ts';
import { lastError, libc } from './libc.ts';

/** flock(2)'s operations; the same on Linux and the BSDs. */
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/** How long to wait for a lock, and what may cut that short. */
export interface FlockOptions {
  /** In seconds. */
  readonly timeout: number;
  /** Asked between tries; true gives up. A worker thread cannot be handed an AbortSignal. */
  readonly stopped?: () => boolean;
  /** What is locked, for messages. */
  readonly file: string;
}

/**
 * Locks an open file with flock(2), the lock that Whisper and carbon take (`WHISPER_LOCK_WRITES`). A read-only
 * descriptor suffices for both kinds. It polls: a blocking flock(2) could neither time out nor be stopped.
 *
 * @throws WhisperBackupError `LOCK_TIMEOUT` when another process keeps the lock, `NO_LOCKS` when the file system has none.
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
        `Cannot lock ${options.file}: ${error}: where the file system has no locks, use --no-flock`,
      );
    }
    if (options.stopped?.()) throw new WhisperBackupError('STOPPED', `Stopped while waiting to lock ${options.file}`);
    const left = deadline - performance.now();
    if (left <= 0) {
      throw new WhisperBackupError(
        'LOCK_TIMEOUT',
        `Cannot lock ${options.file}: another process has held its lock for ${options.timeout} s`,
      );
    }
    await sleep(Math.min(wait, left));
  }
}

/** Lets go of a lock; closing the descriptor does so too. */
export function unlock(fd: number): void {
  libc.flock(fd, LOCK_UN);
}
