import { createHash } from 'node:crypto';
import { isKnownSame, type KnownContent } from '../../bucket/same-content.ts';
import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { createCompressor } from '../../compress/engine.ts';
import { compressorOptions, type FormatOptions } from '../../compress/format.ts';
import { isSettled } from '../../statcache/entry.ts';
import { type FileStat, fileStatOf } from '../../tree/file-stat.ts';
import type { Allocate, LockOptions } from '../../tree/read-file.ts';
import { readGently } from '../../tree/read-gently.ts';
import type { WhisperError } from '../../whisper/errors.ts';
import { inspect } from '../../whisper/inspect.ts';
import { type Remark, remarkOn } from '../../whisper/remark.ts';
import { Scratch } from '../scratch.ts';

export interface SnapshotTask extends Pick<LockOptions, 'flock' | 'fileLockTimeout'> {
  readonly file: string;
  /** Checksums of the newest backup. */
  readonly known?: KnownContent;
  /** Also read damaged files. */
  readonly includeDamaged: boolean;
  readonly format: FormatOptions;
  /** The current time in milliseconds, for the age of empty files. */
  readonly now: number;
}

interface ReadFile {
  readonly sha1: string;
  readonly bytes: number;
  /** For the stat cache; absent if the file was written so shortly before that a change might not be noticed. */
  readonly stat?: FileStat;
}

export type Snapshot =
  | (ReadFile & { readonly outcome: 'unchanged' })
  | (ReadFile & {
      readonly outcome: 'changed';
      /** The compressed file. */
      readonly body: Uint8Array<ArrayBuffer>;
      /** Milliseconds since the read ended. */
      readonly sinceRead: number;
      readonly remark?: Remark;
    })
  | { readonly outcome: 'skipped' | 'failed'; readonly code: ErrorCode; readonly reason: string };

const scratch = new Scratch();

/** Reads a file under its lock, and compresses it if it differs from its newest backup. Never throws. */
export function snapshot(task: SnapshotTask, stopped: () => boolean): Promise<Snapshot> {
  return scratch.lend((allocate) => snapshotInto(allocate, task, stopped));
}

async function snapshotInto(allocate: Allocate, task: SnapshotTask, stopped: () => boolean): Promise<Snapshot> {
  try {
    const { bytes, stat } = await read(task, stopped, allocate);
    const readEnded = performance.now();
    const sha1 = createHash('sha1').update(bytes).digest('hex');
    if (task.known && isKnownSame(sha1, task.known))
      return { outcome: 'unchanged', sha1, bytes: bytes.length, ...stat };
    const inspection = inspect(bytes);
    if (!task.includeDamaged && inspection.verdict === 'damaged') throw damagedFile(task.file, inspection.error);
    const remark = remarkOn(inspection);
    const compressor = await createCompressor(compressorOptions(task.format));
    return {
      outcome: 'changed',
      sha1,
      bytes: bytes.length,
      ...stat,
      body: owned(compressor.compress(bytes)),
      sinceRead: performance.now() - readEnded,
      ...(remark && { remark }),
    };
  } catch (error) {
    const code = codeOf(error);
    const outcome = code === 'VANISHED' || code === 'BEING_CREATED' ? 'skipped' : 'failed';
    return { outcome, code, reason: reasonOf(error) };
  }
}

function damagedFile(file: string, cause: WhisperError): WhisperBackupError {
  const remedy = 'use --include-damaged to back it up as it is, or --exclude to leave it out';
  return new WhisperBackupError(cause.code, `Cannot back up ${file}: ${reasonOf(cause)}: ${remedy}`, { cause });
}

const HOUR = 3_600_000;

async function read(
  task: SnapshotTask,
  stopped: () => boolean,
  allocate: Allocate,
): Promise<{ readonly bytes: Uint8Array; readonly stat: { readonly stat?: FileStat } }> {
  const began = Date.now();
  const { bytes, stats } = await readGently(task.file, { ...task, stopped }, allocate);
  const stat = fileStatOf(stats);
  if (bytes.length > 0) return { bytes, stat: isSettled(stat, began) ? { stat } : {} };
  if (task.now - stat.mtimeMs < HOUR)
    throw new WhisperBackupError('BEING_CREATED', `${task.file} is empty: it is being created`);
  throw new WhisperBackupError(
    'EMPTY',
    `Cannot back up ${task.file}: it has had 0 bytes for over an hour: remove it, or use --exclude to leave it out`,
  );
}

/** Returns the bytes with their own buffer, which can be transferred to another thread. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength
    ? new Uint8Array(buffer)
    : new Uint8Array(bytes);
}
