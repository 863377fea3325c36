import { WhisperBackupError } from '../common/errors.ts';

export type CompressionErrorCode =
  | 'COMPRESSION_DAMAGED'
  | 'COMPRESSION_TOO_LARGE'
  | 'COMPRESSION_UNDERSTATED'
  | 'ENGINE_UNAVAILABLE';

/**
 * A stream cannot be decompressed, or an engine cannot be used.
 *
 * - `COMPRESSION_DAMAGED`: the stream is truncated or damaged.
 * - `COMPRESSION_TOO_LARGE`: the output exceeds the caller's bound.
 * - `COMPRESSION_UNDERSTATED`: the output exceeds the size that the stream declares, for which memory was reserved.
 * - `ENGINE_UNAVAILABLE`: the library is missing on this host.
 */
export class CompressionError extends WhisperBackupError {
  constructor(code: CompressionErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
  }
}

/** @param format for people, e.g. `gzip`. */
export function damagedError(format: string, detail: string, cause?: unknown): CompressionError {
  return new CompressionError('COMPRESSION_DAMAGED', `Cannot decompress ${format}: ${detail}`, { cause });
}

export function tooLargeError(format: string, limit: number): CompressionError {
  return new CompressionError(
    'COMPRESSION_TOO_LARGE',
    `Cannot decompress ${format}: the output exceeds the limit of ${limit} bytes`,
  );
}

export function engineUnavailable(message: string): CompressionError {
  return new CompressionError('ENGINE_UNAVAILABLE', message);
}
