import { codeOf, WhisperBackupError } from '../../../common/errors.ts';
import { errnoName } from '../../../system/libc.ts';
import { BucketMissingError, DeniedError, NotFoundError, PermanentError, TransientError } from '../../errors.ts';

/** Causes and remedies for errors of the operating system. */
const PERMANENT: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the file system; free some, or keep fewer backups',
  EDQUOT: 'disk quota exceeded; raise it, or keep fewer backups',
  EROFS: 'the file system is read-only; mount it read-write',
  ENAMETOOLONG: 'the name is too long for the file system',
  EFBIG: 'the file is too large for the file system',
  EISDIR: 'a directory of that name is in the way',
  ENOTDIR: 'a file is in the way, where a directory must be',
  ELOOP: 'the path contains a symbolic link',
  EXDEV: 'another file system is mounted inside the bucket',
};

/** Errors of a busy host or a network file system, which are retried. */
const TRANSIENT: Readonly<Record<string, string>> = {
  EAGAIN: 'the file system is busy',
  EBUSY: 'the file system is busy',
  EINTR: 'the call was interrupted',
  EIO: 'I/O error of the disk or the network file system',
  EMFILE: 'too many open files in this process',
  ENFILE: 'too many open files on this host',
  ENOMEM: 'the host is out of memory',
  ESTALE: 'stale file handle of the network file system',
  ETIMEDOUT: 'the network file system timed out',
};

/**
 * Turns an error of the operating system into a StoreError. Returns other errors, such as the reason of an abort,
 * unchanged.
 *
 * @param doing the action, for the message: `store "a.b/c" on disk:/srv/backups`.
 */
export function diskError(error: unknown, doing: string): unknown {
  const code = systemCodeOf(error);
  if (error instanceof WhisperBackupError || !isErrno(code)) return error;
  const message = (why: string) => `Cannot ${doing}: ${why} (${code})`;
  const options = { cause: error };
  if (code === 'ENOENT') return new NotFoundError(message('there is no such object'), options);
  if (code === 'EACCES' || code === 'EPERM') return new DeniedError(message('permission denied'), options);
  const transient = TRANSIENT[code];
  if (transient) return new TransientError(message(transient), options);
  return new PermanentError(message(PERMANENT[code] ?? 'error of the operating system'), options);
}

/**
 * Returns the name of the operating system's error, e.g. `ENOSPC`. Node does not set the names EDQUOT and ESTALE, and
 * Deno neither these nor EFBIG; these are found by their numbers.
 */
export function systemCodeOf(error: unknown): string {
  const code = codeOf(error);
  if (isErrno(code) || error instanceof WhisperBackupError || !(error instanceof Error)) return code;
  const errno =
    'errno' in error ? Math.abs(Number(error.errno)) : Number(/\(os error (\d+)\)$/.exec(error.message)?.[1]);
  return errnoName(errno) ?? code;
}

function isErrno(code: string): boolean {
  return /^E[A-Z0-9]+$/.test(code);
}

export function bucketMissing(path: string, cause?: unknown): BucketMissingError {
  return new BucketMissingError(
    `The bucket directory ${path} does not exist. Mount its disk, or check path= and --bucket.`,
    {
      cause,
    },
  );
}
