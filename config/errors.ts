import { WhisperBackupError } from '../lib/common/errors.ts';

/** The configuration cannot be used: a file, variable or option is wrong, missing, or not to be trusted. */
export class ConfigError extends WhisperBackupError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('CONFIG', message, options);
  }
}

/** What was typed cannot be understood. */
export class UsageError extends WhisperBackupError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('USAGE', message, options);
  }
}
