import { codeOf, WhisperBackupError } from '../../../common/errors.ts';
import { errnoName } from '../../../system/libc.ts';
import { BucketMissingError, DeniedError, NotFoundError, PermanentError, TransientError } from '../../errors.ts';

/** What the operating system's errors mean here, and what a person can do about them. */
const PERMANENT: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the file system; free some, or keep fewer backups',
  EDQUOT: 'the disk quota is used up; raise it, or keep fewer backups',
  EROFS: 'the file system is read-only; mount it read-write',
  ENAMETOOLONG: 'the name is too long for the file system',
  EFBIG: 'the file is too large for the file system',
  EISDIR: 'a directory of that name is in the way',
  ENOTDIR: 'a file is in the way, where a directory must be',
  ELOOP: 'the path leads through a symbolic link',
  EXDEV: 'another file system is mounted inside the bucket',
};

/** Worth another try: what a busy host or a network file system says. */
const TRANSIENT: Readonly<Record<string, string>> = {
  EAGAIN: 'the file system is busy',
  EBUSY: 'the file system is busy',
  EINTR: 'the call was interrupted',
  EIO: 'the disk or the network file system gave an I/O error',
  EMFILE: 'too many files are open in this process',
  ENFILE: 'too many files are open on this host',
  ENOMEM: 'the host is out of memory',
  ESTALE: 'the network file system lost track of the file',
  ETIMEDOUT: 'the network file system does not answer',
};

/**
 * Turns an error of the operating system into a store's; anything else, such as a caller's abort, stays what it is.
 *
 * @param doing what was tried, on what and where: `store "a.b/c" on disk:/srv/backups`.
 */
export function diskError(error: unknown, doing: string): unknown {
  const code = systemCodeOf(error);
  if (error instanceof WhisperBackupError || !isErrno(code)) return error;
  const message = (why: string) => `Cannot ${doing}: ${why} (${code})`;
  const options = { cause: error };
  if (code === 'ENOENT') return new NotFoundError(message('there is no such object'), options);
  if (code === 'EACCES' || code === 'EPERM') return new DeniedError(message('permission denied'), options);
  const passing = TRANSIENT[code];
  if (passing) return new TransientError(message(passing), options);
  return new PermanentError(message(PERMANENT[code] ?? 'the operating system refused'), options);
}

/**
 * The name of the operating system's error, e.g. `ENOSPC`. Node has none for EDQUOT and ESTALE, nor has Deno for those
 * and EFBIG: there it goes by the number that comes along.
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
    `The bucket directory ${path} does not exist: mount what holds it, or check path= and --bucket`,
    {
      cause,
    },
  );
}
