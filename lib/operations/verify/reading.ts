import { type Backup, sha1Of } from '../../bucket/metric.ts';
import type { ByteBudget } from '../../common/byte-budget.ts';
import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import type { Algorithm } from '../../compress/codec.ts';
import { contentBytesOf } from '../../compress/content-size.ts';
import { gzipEngines, readingEngines } from '../../compress/engine.ts';
import { StoreError } from '../../store/errors.ts';
import type { ObjectStore } from '../../store/store.ts';
import { FILE_BYTES } from '../../tree/read-file.ts';
import type { Remark } from '../../whisper/remark.ts';
import type { WorkerPool } from '../../workers/pool.ts';

/** What reading one backup showed. */
export type Reading =
  /** It is whole, and what was stored. `remark`: what was odd or damaged about the file when it was stored. */
  | { readonly outcome: 'sound'; readonly remark?: Remark }
  /** It was deleted since it was listed. */
  | { readonly outcome: 'vanished' }
  /** `failed`: it could not be read, which says nothing about it. */
  | { readonly outcome: 'damaged' | 'failed'; readonly code: ErrorCode; readonly reason: string };

export interface ReadingContext {
  readonly store: ObjectStore;
  readonly pool: WorkerPool;
  /** Of bodies, compressed as they came. */
  readonly bodies: ByteBudget;
  /** Of uncompressed files. */
  readonly budget: ByteBudget;
  /** Also decode a damaged file that is larger than its header accounts for. */
  readonly includeDamaged: boolean;
  readonly onFetched: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Fetches a backup, and checks that it is whole and what was stored, and whether the file was a usable Whisper file.
 *
 * @param engine what decompresses it.
 * @throws the signal's reason.
 */
export async function readBackup(backup: Backup, engine: string, context: ReadingContext): Promise<Reading> {
  return context.bodies.run(backup.object.size, async () => {
    const { signal } = context;
    try {
      const read = await checkOnce(backup, engine, context, true);
      if (!('code' in read) || read.code !== 'COMPRESSION_UNDERSTATED') return read;
      // Of several gzip members only the last one's size was known.
      return await checkOnce(backup, engine, context, false);
    } catch (error) {
      signal.throwIfAborted();
      return await meaningOf(error, backup, context);
    }
  });
}

/** @param isBelieved whether the backup's own word is taken for how large it will be; else it gets all the memory there is. */
async function checkOnce(
  backup: Backup,
  engine: string,
  { store, budget, includeDamaged, pool, onFetched, signal }: ReadingContext,
  isBelieved: boolean,
): Promise<Reading> {
  const { object, algorithm } = backup;
  signal.throwIfAborted();
  const sha1 = await sha1Of(backup, store, signal);
  const body = await store.get(object.key, { maxBytes: FILE_BYTES, expectedBytes: object.size, signal });
  onFetched(body.length);
  const reservedBytes = isBelieved ? contentBytesOf(body, algorithm) : undefined;
  const encoded = { key: object.key, body, algorithm, sha1, ...(reservedBytes !== undefined && { reservedBytes }) };
  const task = { backup: encoded, engine, includeDamaged };
  return budget.run(reservedBytes ?? FILE_BYTES, () => pool.run('check', task, [body]));
}

/** What it means for a backup that it could not be had. */
async function meaningOf(error: unknown, backup: Backup, context: ReadingContext): Promise<Reading> {
  const code = codeOf(error);
  const reason = reasonOf(error);
  if (code === 'NOT_FOUND') {
    try {
      for (const object of [backup.object, backup.sha1Object]) {
        if (object && !(await isListed(object.key, context))) return { outcome: 'vanished' };
      }
    } catch (cause) {
      context.signal.throwIfAborted();
      return { outcome: 'failed', code: codeOf(cause), reason: reasonOf(cause) };
    }
    return { outcome: 'damaged', code, reason: `${reason}, although it is listed` };
  }
  const isDamage = error instanceof StoreError ? code === 'TOO_LARGE' : error instanceof WhisperBackupError;
  return { outcome: isDamage ? 'damaged' : 'failed', code, reason };
}

async function isListed(key: string, { store, signal }: ReadingContext): Promise<boolean> {
  for await (const object of store.list({ prefix: key, signal })) return object.key === key;
  return false;
}

/**
 * What decodes a backup to verify it: another engine than this host writes with, so that a file is never trusted to the
 * code that made it. Who wrote it no file tells.
 *
 * @param gzipEngine the engine that this host is told to write with, or `auto`.
 */
export function otherEngine(algorithm: Algorithm, gzipEngine = 'auto'): string {
  // Both that write Zstandard are libzstd.
  if (algorithm === 'zst') return 'fzstd';
  const writer = gzipEngine === 'auto' ? gzipEngines()[0] : gzipEngine;
  return readingEngines(algorithm).find((engine) => algorithm !== 'gz' || engine !== writer) ?? 'auto';
}
