import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { LineWriter } from '../../journal/line-writer.ts';
import { isSettled } from '../../statcache/entry.ts';
import { type FileStat, fileStatOf } from '../../tree/file-stat.ts';
import { type LockOptions, lock, openRegular } from '../../tree/read-file.ts';
import { WhisperCompressedError } from '../../whisper/errors.ts';
import { HEAD_BYTES, type Header, parseHead } from '../../whisper/header.ts';
import type { Point } from '../../whisper/points.ts';
import { hasLostPoints, recentPoints } from '../../whisper/recent-points.ts';
import type { TaskContext } from '../context.ts';

interface JournalBatch extends Pick<LockOptions, 'flock' | 'fileLockTimeout'> {
  readonly files: readonly FileToJournal[];
  /** Time of the run, Unix time in seconds. */
  readonly until: number;
  /** By the clock, Unix time in seconds. */
  readonly now: number;
}

export interface FileToJournal {
  readonly file: string;
  readonly metric: string;
  /** Unix time in seconds of the first point to read; undefined if the file must be stored whole. */
  readonly from: number | undefined;
  /** Whether the file had the slot of `from`. */
  readonly isMarked?: boolean;
  /** Points up to this time are stored, if carbon did not write them late. */
  readonly stored?: number;
  /** Its header and inode before: with another header, its lines do not continue the journal. */
  readonly before?: { readonly schema: number; readonly ino: number };
}

/** What the marks need to know of a file. */
interface ReadFile {
  /** Its newest timestamp up to now, or else the first one ahead, Unix time in seconds; 0 if there is none. */
  readonly newest: number;
  /** Identifies the content of its header; 0 without a readable one. */
  readonly schema: number;
  readonly stat: FileStat;
  /** Whether any later change of the file will change its stat. */
  readonly isSettled: boolean;
}

export type FileResult =
  | (ReadFile & {
      readonly outcome: 'read';
      /** Its oldest timestamp; 0 without points. */
      readonly oldest: number;
      readonly points: number;
      /** Bytes of its lines, which follow those of the file before. */
      readonly bytes: number;
      readonly bytesRead: number;
    })
  /** It must be stored whole: it is new, was recreated, has another schema, lost points or is not readable as points. */
  | (ReadFile & { readonly outcome: 'whole' })
  | { readonly outcome: 'skipped' | 'failed'; readonly code: ErrorCode; readonly reason: string };

interface JournaledBatch {
  readonly lines: Uint8Array;
  /** In the order of the files. May be shorter: the others were not read, because there are many lines. */
  readonly files: readonly FileResult[];
}

/** A batch ends at this many bytes of lines. */
const ENOUGH = 8 * 2 ** 20;

/** Not in use by a batch. */
let idle: LineWriter | undefined;

/** Reads the recent points of each file as lines. */
export async function journalFiles(
  batch: JournalBatch,
  { stopped }: Pick<TaskContext, 'stopped'>,
): Promise<JournaledBatch> {
  const writer = idle ?? new LineWriter();
  idle = undefined;
  const files: FileResult[] = [];
  for (const file of batch.files) {
    const before = writer.length;
    if (before >= ENOUGH) break;
    try {
      const { found, isWhole, bytesRead, ...read } = await readRecent(file, batch, stopped);
      const mark = found.findLast(({ timestamp }) => timestamp <= batch.now) ?? found[0];
      const newest = mark?.timestamp ?? 0;
      if (isWhole) {
        files.push({ ...read, outcome: 'whole', newest });
        continue;
      }
      writer.add(file.metric, found);
      const [oldest, points] = [found[0]?.timestamp ?? 0, found.length];
      files.push({ ...read, outcome: 'read', newest, oldest, points, bytes: writer.length - before, bytesRead });
    } catch (error) {
      const code = codeOf(error);
      const isSkipped = code === 'VANISHED' || code === 'WHISPER_COMPRESSED';
      files.push({ outcome: isSkipped ? 'skipped' : 'failed', code, reason: reasonOf(error) });
    }
  }
  const lines = writer.take();
  idle = writer;
  return { lines, files };
}

interface Recent extends Omit<ReadFile, 'newest'> {
  readonly found: readonly Point[];
  readonly isWhole: boolean;
  readonly bytesRead: number;
}

/** Most headers are shorter; the first archive begins behind it. */
const FIRST_READ = 512;

async function readRecent(
  { file, from, isMarked, stored, before }: FileToJournal,
  { flock, fileLockTimeout, until }: JournalBatch,
  stopped: () => boolean,
): Promise<Recent> {
  const began = Date.now();
  const { fd, stats } = openRegular(file, 'read');
  try {
    // From before the read: if the file changes meanwhile, it is read again by the next run.
    const stat = fileStatOf(stats);
    if (flock) await lock(fd, file, 'read', { flock, fileLockTimeout, stopped });
    let bytesRead = 0;
    let head = readAt(fd, 0, Math.min(FIRST_READ, stat.size));
    const count = head.length >= 16 ? new DataView(head.buffer, head.byteOffset).getUint32(12) : 0;
    if (16 + count * 12 > head.length) head = readAt(fd, 0, Math.min(HEAD_BYTES, stat.size));
    bytesRead += head.length;
    const { header, schema } = schemaIn(head, stat.size, from !== undefined);
    const about = { stat, schema, isSettled: isSettled(stat, began) };
    if (!header) return { ...about, isWhole: true, bytesRead, found: [] };
    const read = (offset: number, length: number) => {
      if (offset + length <= head.length) return head.subarray(offset, offset + length);
      bytesRead += length;
      return readAt(fd, offset, length);
    };
    const finest = until - (header.archives[0]?.retention ?? 0);
    if (from === undefined || (before && before.schema !== schema))
      return { ...about, isWhole: true, bytesRead, found: recentPoints(read, header, { from: finest, until }) };
    const found = recentPoints(read, header, { from, until });
    // A file without the slot was created anew. A coarser archive may also lack it because of the xFilesFactor.
    const isMissing = isMarked && !(found[0] && found[0].timestamp <= from);
    const isNew = isMissing && (from > finest || before?.ino !== stat.ino);
    const newest = found.at(-1)?.timestamp ?? 0;
    const isWhole = isNew || hasLostPoints(header, { from: stored ?? from, until, newest });
    return { ...about, isWhole, bytesRead, found };
  } finally {
    closeSync(fd);
  }
}

interface Schema {
  readonly header: Header | undefined;
  /** 48 bits of a hash of the header. */
  readonly schema: number;
}

/** That of the last file: most files have the same. */
let last: (Schema & { readonly head: Uint8Array; readonly size: number }) | undefined;

/** Parses a header. @throws as `headerOf` does. */
function schemaIn(head: Uint8Array, size: number, isStored: boolean): Schema {
  if (last?.size === size && last.head.every((byte, i) => byte === head[i])) return last;
  const header = headerOf(head, size, isStored);
  if (!header) return { header, schema: 0 };
  const own = Uint8Array.from(head.subarray(0, 16 + header.archives.length * 12));
  last = { header, schema: createHash('sha1').update(own).digest().readUIntBE(0, 6), head: own, size };
  return last;
}

/**
 * @returns undefined if the file has no points that we can read: the backup reports why, or stores it as it is.
 * @throws WhisperCompressedError if it has a backup: each run would store it again.
 */
function headerOf(head: Uint8Array, size: number, isStored: boolean): Header | undefined {
  try {
    return parseHead(head, size);
  } catch (error) {
    if (isStored && error instanceof WhisperCompressedError) throw error;
    if (error instanceof WhisperBackupError) return undefined;
    throw error;
  }
}

/** @throws WhisperBackupError `KEEPS_CHANGING` if the file is shorter than it was. */
function readAt(fd: number, offset: number, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(length);
  for (let read = 0; read < length; ) {
    const count = readSync(fd, bytes, read, length - read, offset + read);
    if (count === 0)
      throw new WhisperBackupError('KEEPS_CHANGING', 'Cannot read its points: it became shorter meanwhile');
    read += count;
  }
  return bytes;
}
