import { createHash } from 'node:crypto';
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

/** One file to look at. It crosses to a worker thread, so it is plain data. */
export interface SnapshotTask extends Pick<LockOptions, 'flock' | 'fileLockTimeout'> {
  readonly file: string;
  /** SHA-1 of the newest backup. */
  readonly knownSha1?: string;
  /** MD5 of the newest backup's SHA-1 text: all that the listing tells of a pair. */
  readonly knownMd5OfSha1?: string;
  /** Take a damaged file too. */
  readonly includeDamaged: boolean;
  readonly format: FormatOptions;
  /** Now, in milliseconds; what "younger than an hour" is measured by. */
  readonly now: number;
}

/** A file that was read. */
interface ReadFile {
  readonly sha1: string;
  /** Its size. */
  readonly bytes: number;
  /** What its content can be told by from now on; undefined when it was written just before. */
  readonly stat?: FileStat;
}

export type Snapshot =
  | (ReadFile & { readonly outcome: 'unchanged' })
  | (ReadFile & {
      readonly outcome: 'changed';
      /** The file, compressed. */
      readonly body: Uint8Array<ArrayBuffer>;
      /** Milliseconds since the read ended. */
      readonly sinceRead: number;
      /** What is odd or damaged about it. */
      readonly remark?: Remark;
    })
  | { readonly outcome: 'skipped' | 'failed'; readonly code: ErrorCode; readonly reason: string };

/** The thread's. */
const scratch = new Scratch();

/** Reads one file under its lock, and compresses it when it is not what is stored already. Never throws. */
export function snapshot(task: SnapshotTask, stopped: () => boolean): Promise<Snapshot> {
  return scratch.lend((allocate) => snapshotInto(allocate, task, stopped));
}

async function snapshotInto(allocate: Allocate, task: SnapshotTask, stopped: () => boolean): Promise<Snapshot> {
  try {
    const { bytes, stat } = await read(task, stopped, allocate);
    const readEnded = performance.now();
    const sha1 = createHash('sha1').update(bytes).digest('hex');
    if (sha1 === task.knownSha1 || (task.knownMd5OfSha1 !== undefined && md5(sha1) === task.knownMd5OfSha1))
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
  const young = task.now - stat.mtimeMs < HOUR;
  if (young) throw new WhisperBackupError('BEING_CREATED', `${task.file} is empty: it is being created`);
  throw new WhisperBackupError(
    'EMPTY',
    `Cannot back up ${task.file}: it has 0 bytes, for over an hour: remove it, or use --exclude to leave it out`,
  );
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

/** Bytes that own their buffer, so that it can be handed to another thread instead of copied. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength
    ? new Uint8Array(buffer)
    : new Uint8Array(bytes);
}
