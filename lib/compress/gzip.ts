import { reasonOf, WhisperBackupError } from '../common/errors.ts';
import type { Decompressor, GzipEngineName } from './codec.ts';
import { damaged } from './errors.ts';
import { BoundedOutput } from './output.ts';

/** The frame around a gzip member's deflate stream: RFC 1952. */

/** Bytes of the fixed header: magic, method, flags, mtime, extra flags, operating system. */
const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;

const FHCRC = 0x02;
const FEXTRA = 0x04;
const FNAME = 0x08;
const FCOMMENT = 0x10;
const RESERVED = 0xe0;

/** `OS = 255`: unknown, as Python and libdeflate write it. */
const OS_UNKNOWN = 255;

/** A CRC-32 as gzip uses it, of all the bytes, unsigned. */
export type Crc32 = (data: Uint8Array) => number;

/**
 * Reads a member's header.
 *
 * @returns where its deflate stream begins.
 * @throws CompressionError when it is not a sound header.
 */
export function readGzipHeader(data: Uint8Array, start: number, crc32: Crc32): number {
  const byte = (at: number): number => {
    const value = data[at];
    if (value === undefined) throw damaged('gzip', `cut in the header at byte ${start}`);
    return value;
  };
  if (byte(start) !== 0x1f || byte(start + 1) !== 0x8b) throw damaged('gzip', `no gzip header at byte ${start}`);
  if (byte(start + 2) !== 8) throw damaged('gzip', `unknown method ${byte(start + 2)} at byte ${start + 2}`);
  const flags = byte(start + 3);
  if (flags & RESERVED) throw damaged('gzip', `reserved flags are set at byte ${start + 3}`);

  let at = start + HEADER_BYTES;
  if (flags & FEXTRA) at += 2 + (byte(at) | (byte(at + 1) << 8));
  for (const flag of [FNAME, FCOMMENT]) {
    if (!(flags & flag)) continue;
    const end = data.indexOf(0, at);
    if (end < 0) throw damaged('gzip', `cut in the header at byte ${start}`);
    at = end + 1;
  }
  if (flags & FHCRC) {
    const stored = byte(at) | (byte(at + 1) << 8);
    if ((crc32(data.subarray(start, at)) & 0xffff) !== stored) {
      throw damaged('gzip', `wrong checksum of the header at byte ${start}`);
    }
    at += 2;
  }
  if (at > data.length) throw damaged('gzip', `cut in the header at byte ${start}`);
  return at;
}

/**
 * Compares a member's output with the trailer behind its deflate stream.
 *
 * @returns where the member ends.
 * @throws CompressionError when CRC or size differ.
 */
export function checkGzipTrailer(data: Uint8Array, at: number, output: Uint8Array, crc32: Crc32): number {
  if (at + TRAILER_BYTES > data.length) throw damaged('gzip', `cut at byte ${data.length}`);
  const view = new DataView(data.buffer, data.byteOffset + at, TRAILER_BYTES);
  if (view.getUint32(0, true) !== crc32(output)) throw damaged('gzip', `wrong CRC-32 at byte ${at}`);
  if (view.getUint32(4, true) !== output.length % 2 ** 32) throw damaged('gzip', `wrong size at byte ${at + 4}`);
  return at + TRAILER_BYTES;
}

/** Makes a header that an engine wrote, without optional fields, the same on every host: mtime 0, system unknown. */
export function settleGzipHeader(gzip: Uint8Array): Uint8Array {
  gzip.fill(0, 4, 8);
  gzip[9] = OS_UNKNOWN;
  return gzip;
}

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
