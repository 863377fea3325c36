declare const thrown: unique symbol;

/**
 * The code of an error: ours, the operating system's or a library's. Not a plain string, so that a typo is a type
 * error.
 */
export type ErrorCode = string & { readonly [thrown]: true };

/**
 * The base class of every error that this product throws on purpose. `code` is for programs and stable. `message` is
 * for people: what failed, on what, why, and what to do.
 */
export class WhisperBackupError extends Error {
  /** Stable, upper-case, e.g. `LOCK_TIMEOUT`. */
  readonly code: ErrorCode;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code as ErrorCode;
  }
}

/** An option is invalid: a bad value, a bad date or a bad combination. */
export class InvalidOptionError extends WhisperBackupError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('INVALID_OPTION', message, options);
  }
}

export class RunLockedError extends WhisperBackupError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('RUN_LOCKED', message, options);
  }
}

/** A guard stopped the run to prevent data loss. `--force`, `--adopt` or `--create` may override it. */
export class GuardError extends WhisperBackupError {}

/** Returns the message of any thrown value, for a log line or a summary. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns the stable code of any thrown value: our own, the operating system's (`EACCES`) or `UNEXPECTED`. */
export function codeOf(error: unknown): ErrorCode {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNEXPECTED';
  return code as ErrorCode;
}

const PATH_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of its path is not a directory',
  EISDIR: 'it is a directory',
  ELOOP: 'it is a symbolic link that is not followed, or part of a loop of links',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the file system',
};

/** Returns why a path cannot be used: a text for common codes of the operating system, without a full stop. */
export function pathReason(error: unknown): string {
  const code = codeOf(error);
  const reason = PATH_REASONS[code];
  return reason === undefined ? reasonOf(error).replace(/\.$/, '') : `${reason} (${code})`;
}
