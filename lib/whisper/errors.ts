import { WhisperBackupError } from '../common/errors.ts';

/**
 * What can be wrong with a Whisper file or with what is asked of it.
 *
 * - `WHISPER_DAMAGED`: empty, cut, or python3-whisper cannot read or update it.
 * - `WHISPER_COMPRESSED`: go-carbon's compressed format, which is only handled as opaque bytes.
 * - `WHISPER_UNMATCHABLE`: usable, but its archives cannot be matched with those of another file.
 * - `WHISPER_INVALID_SCHEMA`: no file can be made of these archives, method or xFilesFactor.
 * - `WHISPER_INVALID_POINT`: a timestamp or value that no slot can hold.
 * - `WHISPER_INVALID_INTERVAL`: a time range that ends before it begins, or an archive that the file does not have.
 * - `WHISPER_NOT_COVERED`: the timestamp is in the future, or older than every archive.
 */
export type WhisperErrorCode =
  | 'WHISPER_DAMAGED'
  | 'WHISPER_COMPRESSED'
  | 'WHISPER_UNMATCHABLE'
  | 'WHISPER_INVALID_SCHEMA'
  | 'WHISPER_INVALID_POINT'
  | 'WHISPER_INVALID_INTERVAL'
  | 'WHISPER_NOT_COVERED';

/** The base of what the Whisper library throws. It knows no paths: callers name the file. */
export class WhisperError extends WhisperBackupError {
  declare readonly code: WhisperErrorCode;

  constructor(code: WhisperErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
  }
}

/** The bytes are not a whole, sound Whisper file. */
export class WhisperDamagedError extends WhisperError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('WHISPER_DAMAGED', message, options);
  }
}

/** The bytes are go-carbon's compressed Whisper. */
export class WhisperCompressedError extends WhisperError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('WHISPER_COMPRESSED', message, options);
  }
}

/** A fill was refused because of one of its two files; nothing was changed. `cause` is what that file's header said. */
export class FillRefusedError extends WhisperError {
  /** `local` is the file that would be filled, `source` the one it would be filled from. */
  readonly side: 'local' | 'source';

  constructor(side: 'local' | 'source', cause: WhisperError) {
    super(cause.code, `Cannot fill: the ${side} file: ${cause.message}`, { cause });
    this.side = side;
  }
}
