import { reasonOf, WhisperBackupError } from '../common/errors.ts';
import type { Decompressor, GzipEngineName } from './codec.ts';
import { damaged } from './errors.ts';
import { type Crc32, checkGzipTrailer, readGzipHeader } from './gzip.ts';
import { BoundedOutput } from './output.ts';

/** What an engine must do for {@link gunzip}; all that is not deflate is done here, the same for every engine. */
export interface RawInflate {
  readonly engine: GzipEngineName;
  readonly crc32: Crc32;
  /**
   * Inflates the deflate stream that begins at the first byte; other bytes follow it.
   *
   * @returns how many bytes the stream has.
   * @throws CompressionError when it is damaged or cut, or `output` is full.
   */
  inflate(data: Uint8Array, output: BoundedOutput): number;
}

/**
 * A gzip decoder: all members, CRC and size of each checked, zero padding behind the last one allowed, any other
 * trailing byte damage. What a trailer says of the size is compared, never allocated.
 */
export function gunzip(raw: RawInflate): Decompressor {
  return {
    algorithm: 'gz',
    engine: raw.engine,
    decompress(data, bound) {
      const output = new BoundedOutput('gzip', bound);
      let at = 0;
      do {
        const start = output.length;
        at = readGzipHeader(data, at, raw.crc32);
        at += inflate(raw, data.subarray(at), output);
        at = checkGzipTrailer(data, at, output.since(start), raw.crc32);
      } while (at < data.length && data[at] !== 0);
      if (data.subarray(at).some((byte) => byte !== 0)) {
        throw damaged('gzip', `neither a member nor zeros follow at byte ${at}`);
      }
      return output.finish();
    },
  };
}

function inflate(raw: RawInflate, data: Uint8Array, output: BoundedOutput): number {
  try {
    return raw.inflate(data, output);
  } catch (error) {
    if (error instanceof WhisperBackupError) throw error;
    throw damaged('gzip', `bad deflate stream (${reasonOf(error)})`, error);
  }
}
