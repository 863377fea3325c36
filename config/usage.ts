import { WhisperBackupError } from '../lib/common/errors.ts';

/** What was typed cannot be understood. */
export class UsageError extends WhisperBackupError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('USAGE', message, options);
  }
}
