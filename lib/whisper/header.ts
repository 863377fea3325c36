import { type AggregationRule, aggregationMethodOf } from './aggregation.ts';
import { WhisperCompressedError, WhisperDamagedError } from './errors.ts';

/** Bytes in front of the list of archives: method, longest retention, xFilesFactor, number of archives. */
export const METADATA_SIZE = 16;
/** Bytes of each entry in the list of archives: offset, seconds per point, points. */
export const ARCHIVE_INFO_SIZE = 12;
/** Bytes of a slot: timestamp (unsigned 32 bits) and value (float64), both big-endian. */
export const POINT_SIZE = 12;

/** Steps are 32 bits, and each is at least twice the one before it. */
const MAX_ARCHIVES = 32;

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
  /** The retention of the coarsest archive, in seconds. */
  readonly maxRetention: number;
  /** Finest first; at least one. */
  readonly archives: readonly Archive[];
  /** Bytes of the whole file. */
  readonly size: number;
}

/** Whether these are the first bytes of go-carbon's compressed Whisper, which this library does not read. */
export function isCompressed(head: Uint8Array): boolean {
  return head.length >= COMPRESSED_MAGIC.length && COMPRESSED_MAGIC.every((byte, i) => head[i] === byte);
}

/**
 * Reads and checks the header of a whole file, and the file's size against it: Whisper itself reads a cut file short
 * without a word. A longer file is damage as well, since Whisper makes every file exactly as long as its header says.
 *
 * @throws WhisperCompressedError when it is go-carbon's compressed format.
 * @throws WhisperDamagedError when it is no whole Whisper file. Never allocates by what a damaged header says.
 */
export function parseHeader(bytes: Uint8Array): Header {
  if (isCompressed(bytes)) {
    throw new WhisperCompressedError("It is in go-carbon's compressed Whisper format, which cannot be read or filled");
  }
  const header = readHeader(bytes);
  if (typeof header === 'string') throw new WhisperDamagedError(`It is not a sound Whisper file: ${header}`);
  if (bytes.length !== header.size) {
    const what = bytes.length < header.size ? 'is cut' : 'is too long';
    throw new WhisperDamagedError(
      `It is not a whole Whisper file: it ${what}, its header asks for ${header.size} bytes and it has ${bytes.length}`,
    );
  }
  return header;
}

/**
 * How many bytes the whole file has, told from its first bytes; undefined when they do not tell: too few of them,
 * compressed, or not a sound header.
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

  const archives: Archive[] = [];
  let size = headerSize;
  for (let i = 0; i < count; i++) {
    const at = METADATA_SIZE + i * ARCHIVE_INFO_SIZE;
    const archive = archiveOf(view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8));
    const problem = problemOf(archive, archives[i - 1], size);
    if (problem !== undefined) return `archive ${i} ${problem}`;
    archives.push(archive);
    size = archive.offset + archive.size;
  }
  const longest = archives[archives.length - 1]?.retention;
  if (longest !== maxRetention) return `its longest retention is ${longest} s, but its header says ${maxRetention} s`;
  return { aggregation, maxRetention, xFilesFactor, archives, size };
}

function archiveOf(offset: number, secondsPerPoint: number, points: number): Archive {
  return { offset, secondsPerPoint, points, retention: secondsPerPoint * points, size: points * POINT_SIZE };
}

/**
 * What every file made by Whisper keeps. That an archive has points enough for one slot of the next coarser one is not
 * asked for here, as old versions of Whisper did not ask for it.
 */
function problemOf(archive: Archive, finer: Archive | undefined, end: number): string | undefined {
  if (archive.secondsPerPoint === 0) return 'has 0 seconds per point';
  if (archive.points === 0) return 'has no points';
  if (archive.offset < end) return `begins at byte ${archive.offset}, inside what ends at byte ${end}`;
  if (finer === undefined) return undefined;
  if (archive.secondsPerPoint <= finer.secondsPerPoint || archive.secondsPerPoint % finer.secondsPerPoint !== 0) {
    return `has ${archive.secondsPerPoint} seconds per point, no multiple of the ${finer.secondsPerPoint} before it`;
  }
  if (archive.retention <= finer.retention) {
    return `reaches back ${archive.retention} s, no further than the ${finer.retention} s before it`;
  }
  return undefined;
}
