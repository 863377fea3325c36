import { WhisperBackupError } from '../lib/common/errors.ts';

/** The configuration is invalid: a file, variable or option is wrong, missing or not trusted. */
export class ConfigError extends WhisperBackupError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('CONFIG', message, options);
  }
}

/** The command line is invalid. */
export class UsageError extends WhisperBackupError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('USAGE', message, options);
  }
}
