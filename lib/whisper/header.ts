import { type AggregationRule, aggregationMethodOf } from './aggregation.ts';
import { WhisperCompressedError, WhisperDamagedError } from './errors.ts';

/** Bytes before the list of archives: method, longest retention, xFilesFactor, number of archives. */
export const METADATA_SIZE = 16;
/** Bytes of each entry in the list of archives: offset, seconds per point, points. */
export const ARCHIVE_INFO_SIZE = 12;
/** Bytes of a slot: timestamp (unsigned 32 bits) and value (float64), both big-endian. */
export const POINT_SIZE = 12;

/** Whisper has no limit. This one bounds the work that a malicious header can cause. */
const MAX_ARCHIVES = 1024;

/**
 * The most bytes allowed after the last archive. Whisper has no limit. This one bounds the cost of decompressing a
 * malicious stream with a small header.
 */
export const MAX_TRAILING_BYTES: number = 2 ** 26;

/** The largest header, in bytes. */
export const HEAD_BYTES: number = METADATA_SIZE + MAX_ARCHIVES * ARCHIVE_INFO_SIZE;

const COMPRESSED_MAGIC = new TextEncoder().encode('whisper_compressed');

export interface Archive {
  /** Position in the file, in bytes. */
  readonly offset: number;
  readonly secondsPerPoint: number;
  readonly points: number;
  /** In seconds: `secondsPerPoint * points`. */
  readonly retention: number;
  /** In bytes. */
  readonly size: number;
}

export interface Header extends AggregationRule {
  /** The longest retention in seconds, as stored in the header. May differ from those of the archives. */
  readonly maxRetention: number;
  /** In the order of the header: finest first, unless the file is odd. At least one. */
  readonly archives: readonly Archive[];
  /** Size of the file up to the end of the last archive, in bytes. */
  readonly size: number;
}

/** Returns whether a file is in go-carbon's compressed format, which this library cannot read. */
export function isCompressed(head: Uint8Array): boolean {
  return head.length >= COMPRESSED_MAGIC.length && COMPRESSED_MAGIC.every((byte, i) => head[i] === byte);
}

/**
 * Parses the header of a file and checks it against the file's size: Whisper itself reads a truncated file without an
 * error. Accepts every file that python3-whisper can read and update, including odd ones (see `oddity.ts`). Allocates
 * little memory even for a malicious header.
 *
 * @throws WhisperCompressedError if it is in go-carbon's compressed format.
 * @throws WhisperDamagedError if it is not a usable Whisper file.
 */
export function parseHeader(bytes: Uint8Array): Header {
  return parseHead(bytes, bytes.length);
}

/**
 * Like {@link parseHeader}, from the first bytes of a file: at least `HEAD_BYTES` of them, or all.
 *
 * @param size of the whole file, in bytes.
 */
export function parseHead(bytes: Uint8Array, size: number): Header {
  if (isCompressed(bytes)) {
    throw new WhisperCompressedError("it is in go-carbon's compressed Whisper format, which is not supported");
  }
  const header = readHeader(bytes);
  if (typeof header === 'string') throw new WhisperDamagedError(`it is not a valid Whisper file: ${header}`);
  if (size < header.size) {
    throw new WhisperDamagedError(
      `the Whisper file is truncated: its header requires ${header.size} bytes, but it has ${size}`,
    );
  }
  const trailing = size - header.size;
  if (trailing > MAX_TRAILING_BYTES) {
    throw new WhisperDamagedError(
      `it is not a valid Whisper file: it has ${trailing} bytes after its last archive, the limit is ${MAX_TRAILING_BYTES}`,
    );
  }
  return header;
}

/**
 * Returns the size that a file must at least have, from its first bytes.
 *
 * @returns undefined if `head` is too short, the file is compressed or its header is damaged.
 */
export function sizeOf(head: Uint8Array): number | undefined {
  const header = readHeader(head);
  return typeof header === 'string' ? undefined : header.size;
}

/** @returns the header, or the reason why it is invalid. */
function readHeader(head: Uint8Array): Header | string {
  if (head.length === 0) return 'it is empty';
  if (head.length < METADATA_SIZE) return `its header is truncated after ${head.length} bytes`;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const type = view.getUint32(0);
  const maxRetention = view.getUint32(4);
  const xFilesFactor = view.getFloat32(8);
  const count = view.getUint32(12);

  const aggregation = aggregationMethodOf(type);
  if (aggregation === undefined) return `its aggregation method is ${type}, not 1 to 8`;
  if (!(xFilesFactor >= 0 && xFilesFactor <= 1)) return `its xFilesFactor is ${xFilesFactor}, not 0 to 1`;
  if (count === 0) return 'it has no archives';
  if (count > MAX_ARCHIVES) return `it has ${count} archives, the limit is ${MAX_ARCHIVES}`;
  const headerSize = METADATA_SIZE + count * ARCHIVE_INFO_SIZE;
  if (head.length < headerSize) return `its header ends before the list of its ${count} archives`;

  if (maxRetention === 0) return 'its longest retention is 0 s, so Whisper rejects every point';

  const archives: Archive[] = [];
  let size = headerSize;
  for (let i = 0; i < count; i++) {
    const at = METADATA_SIZE + i * ARCHIVE_INFO_SIZE;
    const archive = archiveOf(view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8));
    const problem = problemOf(archive, headerSize);
    if (problem !== undefined) return `archive ${i} ${problem}`;
    archives.push(archive);
    size = Math.max(size, archive.offset + archive.size);
  }
  return { aggregation, maxRetention, xFilesFactor, archives, size };
}

function archiveOf(offset: number, secondsPerPoint: number, points: number): Archive {
  return { offset, secondsPerPoint, points, retention: secondsPerPoint * points, size: points * POINT_SIZE };
}

/** @returns why Whisper would fail on an update that reaches this archive, or undefined. */
function problemOf(archive: Archive, headerSize: number): string | undefined {
  if (archive.secondsPerPoint === 0) return 'has 0 seconds per point';
  if (archive.points === 0) return 'has no points';
  if (archive.offset < headerSize) return `starts at byte ${archive.offset}, inside the header of ${headerSize} bytes`;
  return undefined;
}
