import { type AggregationRule, aggregationMethodOf } from './aggregation.ts';
import { WhisperCompressedError, WhisperDamagedError } from './errors.ts';

/** Bytes in front of the list of archives: method, longest retention, xFilesFactor, number of archives. */
export const METADATA_SIZE = 16;
/** Bytes of each entry in the list of archives: offset, seconds per point, points. */
export const ARCHIVE_INFO_SIZE = 12;
/** Bytes of a slot: timestamp (unsigned 32 bits) and value (float64), both big-endian. */
export const POINT_SIZE = 12;

/** Whisper has no limit; this bounds the work that a hostile header can cause. */
const MAX_ARCHIVES = 1024;

/**
 * How many bytes there may be behind the last archive. Whisper has no limit; this bounds what the decompression of a
 * hostile stream with a small header can cost.
 */
export const MAX_TRAILING_BYTES: number = 2 ** 26;

const COMPRESSED_MAGIC = new TextEncoder().encode('whisper_compressed');

/** One ring of slots. */
export interface Archive {
  /** Where it begins in the file, in bytes. */
  readonly offset: number;
  readonly secondsPerPoint: number;
  /** How many slots it has. */
  readonly points: number;
  /** How far back it reaches, in seconds: `secondsPerPoint * points`. */
  readonly retention: number;
  /** In bytes. */
  readonly size: number;
}

/** What stands in front of the points. */
export interface Header extends AggregationRule {
  /** The longest retention as the header has it, in seconds: not always that of an archive. */
  readonly maxRetention: number;
  /** In the order of the header, finest first unless the file is odd; at least one. */
  readonly archives: readonly Archive[];
  /** Bytes up to the end of the last archive. */
  readonly size: number;
}

/** Whether these are the first bytes of go-carbon's compressed Whisper, which this library does not read. */
export function isCompressed(head: Uint8Array): boolean {
  return head.length >= COMPRESSED_MAGIC.length && COMPRESSED_MAGIC.every((byte, i) => head[i] === byte);
}

/**
 * Reads and checks the header of a file, and the file's size against it: Whisper itself reads a cut file short without
 * an error. Accepts every file that python3-whisper can read and update; see `oddity.ts` for what may be odd about one.
 *
 * @throws WhisperCompressedError when it is go-carbon's compressed format.
 * @throws WhisperDamagedError when it is not a usable Whisper file. Never allocates by what a damaged header says.
 */
export function parseHeader(bytes: Uint8Array): Header {
  if (isCompressed(bytes)) {
    throw new WhisperCompressedError("It is in go-carbon's compressed Whisper format, which cannot be read or filled");
  }
  const header = readHeader(bytes);
  if (typeof header === 'string') throw new WhisperDamagedError(`It is not a sound Whisper file: ${header}`);
  if (bytes.length < header.size) {
    throw new WhisperDamagedError(
      `It is not a whole Whisper file: it is cut, its header asks for ${header.size} bytes and it has ${bytes.length}`,
    );
  }
  const trailing = bytes.length - header.size;
  if (trailing > MAX_TRAILING_BYTES) {
    throw new WhisperDamagedError(
      `It is not a sound Whisper file: it has ${trailing} bytes behind its last archive, and ${MAX_TRAILING_BYTES} is the most that is taken`,
    );
  }
  return header;
}

/**
 * Returns how many bytes the file has at least, from its first bytes; undefined when there are too few of them, the file
 * is compressed, or its header is damaged.
 */
export function sizeOf(head: Uint8Array): number | undefined {
  const header = readHeader(head);
  return typeof header === 'string' ? undefined : header.size;
}

/** The header, or what is wrong with it. */
function readHeader(head: Uint8Array): Header | string {
  if (head.length === 0) return 'it is empty';
  if (head.length < METADATA_SIZE) return `its header is cut after ${head.length} bytes`;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const type = view.getUint32(0);
  const maxRetention = view.getUint32(4);
  const xFilesFactor = view.getFloat32(8);
  const count = view.getUint32(12);

  const aggregation = aggregationMethodOf(type);
  if (aggregation === undefined) return `its aggregation method is ${type}, not 1 to 8`;
  if (!(xFilesFactor >= 0 && xFilesFactor <= 1)) return `its xFilesFactor is ${xFilesFactor}, not 0 to 1`;
  if (count === 0) return 'it has no archives';
  if (count > MAX_ARCHIVES) return `it has ${count} archives, and ${MAX_ARCHIVES} is the most there can be`;
  const headerSize = METADATA_SIZE + count * ARCHIVE_INFO_SIZE;
  if (head.length < headerSize) return `its header ends before the list of its ${count} archives`;

  if (maxRetention === 0) return 'its longest retention is 0 s, so that Whisper refuses every point';

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

/** Why Whisper fails on an update that reaches this archive, or undefined. */
function problemOf(archive: Archive, headerSize: number): string | undefined {
  if (archive.secondsPerPoint === 0) return 'has 0 seconds per point';
  if (archive.points === 0) return 'has no points';
  if (archive.offset < headerSize) return `begins at byte ${archive.offset}, inside the header of ${headerSize} bytes`;
  return undefined;
}
