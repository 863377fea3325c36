import { type ErrorCode, WhisperBackupError } from '../common/errors.ts';

/**
 * - `WHISPER_DAMAGED`: the file is empty or truncated, or python3-whisper cannot read or update it.
 * - `WHISPER_COMPRESSED`: go-carbon's compressed format, which is only handled as opaque bytes.
 * - `WHISPER_UNMATCHABLE`: the file is usable, but its archives cannot be matched with those of another file.
 * - `WHISPER_INVALID_SCHEMA`: the archives, the method or xFilesFactor of a new file are invalid.
 * - `WHISPER_INVALID_POINT`: the timestamp does not fit into a slot.
 * - `WHISPER_NOT_COVERED`: the timestamp is in the future or older than every archive.
 */
type WhisperErrorCode =
  | 'WHISPER_DAMAGED'
  | 'WHISPER_COMPRESSED'
  | 'WHISPER_UNMATCHABLE'
  | 'WHISPER_INVALID_SCHEMA'
  | 'WHISPER_INVALID_POINT'
  | 'WHISPER_NOT_COVERED';

/** The base class of errors about Whisper data. The message has no path: the caller adds the name of the file. */
export class WhisperError extends WhisperBackupError {
  declare readonly code: WhisperErrorCode & ErrorCode;

  constructor(code: WhisperErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
  }
}

export class WhisperDamagedError extends WhisperError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('WHISPER_DAMAGED', message, options);
  }
}

export class WhisperCompressedError extends WhisperError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('WHISPER_COMPRESSED', message, options);
  }
}

/** One of the two files of a fill is not usable. Nothing was changed. `cause` is the error of that file. */
export class FillRefusedError extends WhisperError {
  /** `local` is the file with gaps, `source` the file that would fill them. */
  readonly side: 'local' | 'source';

  constructor(side: 'local' | 'source', cause: WhisperError) {
    super(cause.code, `Cannot fill: ${side} file: ${cause.message}`, { cause });
    this.side = side;
  }
}
