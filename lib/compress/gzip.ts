import { reasonOf, WhisperBackupError } from '../common/errors.ts';
import type { Decompressor, GzipEngineName } from './codec.ts';
import { damagedError } from './errors.ts';
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

/** The value that Python and libdeflate write. */
const OS_UNKNOWN = 255;

/** Computes the CRC-32 of gzip, unsigned. */
type Crc32 = (data: Uint8Array) => number;

/**
 * Parses the header of a member.
 *
 * @returns the start of its deflate stream.
 * @throws CompressionError if the header is damaged.
 */
function readGzipHeader(data: Uint8Array, start: number, crc32: Crc32): number {
  const byte = (at: number): number => {
    const value = data[at];
    if (value === undefined) throw damagedError('gzip', `the header at byte ${start} is truncated`);
    return value;
  };
  if (byte(start) !== 0x1f || byte(start + 1) !== 0x8b) throw damagedError('gzip', `no gzip header at byte ${start}`);
  if (byte(start + 2) !== 8) throw damagedError('gzip', `unknown method ${byte(start + 2)} at byte ${start + 2}`);
  const flags = byte(start + 3);
  if (flags & RESERVED) throw damagedError('gzip', `reserved flags are set at byte ${start + 3}`);

  let at = start + HEADER_BYTES;
  if (flags & FEXTRA) at += 2 + (byte(at) | (byte(at + 1) << 8));
  for (const flag of [FNAME, FCOMMENT]) {
    if (!(flags & flag)) continue;
    const end = data.indexOf(0, at);
    if (end < 0) throw damagedError('gzip', `the header at byte ${start} is truncated`);
    at = end + 1;
  }
  if (flags & FHCRC) {
    const stored = byte(at) | (byte(at + 1) << 8);
    if ((crc32(data.subarray(start, at)) & 0xffff) !== stored) {
      throw damagedError('gzip', `wrong checksum of the header at byte ${start}`);
    }
    at += 2;
  }
  if (at > data.length) throw damagedError('gzip', `the header at byte ${start} is truncated`);
  return at;
}

/**
 * Checks the output of a member against its trailer.
 *
 * @returns the end of the member.
 * @throws CompressionError if the CRC or the size differs, or the trailer is truncated.
 */
function checkGzipTrailer(data: Uint8Array, at: number, output: Uint8Array, crc32: Crc32): number {
  if (at + TRAILER_BYTES > data.length) throw damagedError('gzip', `truncated at byte ${data.length}`);
  const view = new DataView(data.buffer, data.byteOffset + at, TRAILER_BYTES);
  if (view.getUint32(0, true) !== crc32(output)) throw damagedError('gzip', `wrong CRC-32 at byte ${at}`);
  if (view.getUint32(4, true) !== output.length % 2 ** 32) throw damagedError('gzip', `wrong size at byte ${at + 4}`);
  return at + TRAILER_BYTES;
}

/** Sets mtime to 0 and the operating system to unknown, so that the output is the same on every host. */
export function normalizeGzipHeader(gzip: Uint8Array): Uint8Array {
  gzip.fill(0, 4, 8);
  gzip[9] = OS_UNKNOWN;
  return gzip;
}

/** The part of an engine that {@link gunzip} needs. Headers and trailers are handled here for all engines. */
export interface RawInflate {
  readonly engine: GzipEngineName;
  readonly crc32: Crc32;
  /**
   * Inflates the deflate stream at the start of `data`; other bytes follow it.
   *
   * @returns the size of the deflate stream in bytes.
   * @throws CompressionError if it is damaged or truncated, or exceeds the limit of `output`.
   */
  inflate(data: Uint8Array, output: BoundedOutput): number;
}

/**
 * Returns a gzip decoder. It reads all members and checks the CRC and the size of each. Zero padding after the last
 * member is allowed, other trailing bytes are an error. The size in a trailer is compared, but never allocated.
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
        throw damagedError('gzip', `unexpected data at byte ${at}, after the last member`);
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
    throw damagedError('gzip', `bad deflate stream (${reasonOf(error)})`, error);
  }
}
