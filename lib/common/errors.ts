/**
 * The base of every error this product throws on purpose.
 *
 * `code` is stable and meant for programs; `message` is meant for people and says what was being done, what is wrong
 * and with which value, and where possible what to do about it.
 */
export class WhisperBackupError extends Error {
  /** Stable, upper-case, e.g. `LOCK_TIMEOUT`. */
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A value given by the caller is not usable: bad option, bad date, bad combination. */
export class InvalidOptionError extends WhisperBackupError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('INVALID_OPTION', message, options);
  }
}

/** Another run holds the run lock. */
export class RunLockedError extends WhisperBackupError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('RUN_LOCKED', message, options);
  }
}

/** A guard refused to go on, so that nothing is lost; `--force`, `--adopt` or `--create` may override it. */
export class GuardError extends WhisperBackupError {}

/** The text of any thrown value, for a log line or a summary. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The stable code of any thrown value: ours, the operating system's (`EACCES`), or `UNEXPECTED`. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return 'UNEXPECTED';
}
