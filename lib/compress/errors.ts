import { WhisperBackupError } from '../common/errors.ts';

export type CompressionErrorCode =
  | 'COMPRESSION_DAMAGED'
  | 'COMPRESSION_TOO_LARGE'
  | 'COMPRESSION_UNDERSTATED'
  | 'ENGINE_UNAVAILABLE';

/**
 * A stream cannot be decompressed, or an engine cannot be used.
 *
 * - `COMPRESSION_DAMAGED`: the bytes are not one whole, sound stream;
 * - `COMPRESSION_TOO_LARGE`: they hold more than the caller's bound allows;
 * - `COMPRESSION_UNDERSTATED`: they hold more than they said, for which memory was reserved;
 * - `ENGINE_UNAVAILABLE`: this host lacks the library.
 */
export class CompressionError extends WhisperBackupError {
  constructor(code: CompressionErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
  }
}

/** @param format for people, e.g. `gzip`. */
export function damaged(format: string, detail: string, cause?: unknown): CompressionError {
  return new CompressionError('COMPRESSION_DAMAGED', `Cannot decompress ${format}: ${detail}`, { cause });
}

export function tooLarge(format: string, limit: number): CompressionError {
  return new CompressionError(
    'COMPRESSION_TOO_LARGE',
    `Cannot decompress ${format}: it holds more than the ${limit} bytes that are allowed`,
  );
}

export function engineUnavailable(message: string): CompressionError {
  return new CompressionError('ENGINE_UNAVAILABLE', message);
}
