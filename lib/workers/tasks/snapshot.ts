import { createHash } from 'node:crypto';
import { isKnownSame, type KnownContent } from '../../bucket/same-content.ts';
import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { Workspace } from '../../common/workspace.ts';
import type { Compressor } from '../../compress/codec.ts';
import { type CompressorOptions, createCompressor } from '../../compress/engine.ts';
import { isSettled } from '../../statcache/entry.ts';
import { type FileStat, fileStatOf } from '../../tree/file-stat.ts';
import type { LockOptions, StableRead } from '../../tree/read-file.ts';
import { readGently } from '../../tree/read-gently.ts';
import type { WhisperError } from '../../whisper/errors.ts';
import { inspect } from '../../whisper/inspect.ts';
import { type Remark, remarkOn } from '../../whisper/remark.ts';
import { Bodies } from '../bodies.ts';

export interface SnapshotTask extends Pick<LockOptions, 'flock' | 'fileLockTimeout'> {
  readonly file: string;
  readonly known?: KnownContent;
  readonly includeDamaged: boolean;
  readonly format: CompressorOptions;
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
      /** The compressed file. Return its memory to {@link bodies} after it was stored. */
      readonly body: Uint8Array;
      /** Milliseconds since the read ended. */
      readonly sinceRead: number;
      readonly remark?: Remark;
    })
  | { readonly outcome: 'skipped' | 'failed'; readonly code: ErrorCode; readonly reason: string };

const workspace = new Workspace();
export const bodies = new Bodies();

/** Reads a file under its lock, and compresses it if it differs from its newest backup. Never throws. */
export async function snapshot(task: SnapshotTask, stopped: () => boolean): Promise<Snapshot> {
  try {
    const began = Date.now();
    const compressor = await createCompressor(task.format);
    return await readGently(task.file, { ...task, stopped }, workspace.allocate, (read) =>
      shotOf(read, task, compressor, began),
    );
  } catch (error) {
    const code = codeOf(error);
    const outcome = code === 'VANISHED' || code === 'BEING_CREATED' ? 'skipped' : 'failed';
    return { outcome, code, reason: reasonOf(error) };
  }
}

function shotOf({ bytes, stats }: StableRead, task: SnapshotTask, compressor: Compressor, began: number): Snapshot {
  const readEnded = performance.now();
  const stat = fileStatOf(stats);
  if (bytes.length === 0) throw emptyFile(task, stat);
  const sha1 = createHash('sha1').update(bytes).digest('hex');
  const read = { sha1, bytes: bytes.length, ...(isSettled(stat, began) && { stat }) };
  if (task.known && isKnownSame(sha1, task.known)) return { ...read, outcome: 'unchanged' };
  const inspection = inspect(bytes);
  if (!task.includeDamaged && inspection.verdict === 'damaged') throw damagedFile(task.file, inspection.error);
  const remark = remarkOn(inspection);
  const body = compressor.compress(bytes, bodies.take);
  const sinceRead = performance.now() - readEnded;
  return { ...read, outcome: 'changed', body, sinceRead, ...(remark && { remark }) };
}

function damagedFile(file: string, cause: WhisperError): WhisperBackupError {
  const remedy = 'use --include-damaged to back it up as it is, or --exclude to leave it out';
  return new WhisperBackupError(cause.code, `Cannot back up ${file}: ${reasonOf(cause)}: ${remedy}`, { cause });
}

const HOUR = 3_600_000;

function emptyFile({ file, now }: SnapshotTask, { mtimeMs }: FileStat): WhisperBackupError {
  if (now - mtimeMs < HOUR) return new WhisperBackupError('BEING_CREATED', `${file} is empty: it is being created`);
  return new WhisperBackupError(
    'EMPTY',
    `Cannot back up ${file}: it has had 0 bytes for over an hour: remove it, or use --exclude to leave it out`,
  );
}
