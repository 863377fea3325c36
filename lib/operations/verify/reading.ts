import type { Backup } from '../../bucket/metric.ts';
import type { ByteBudget } from '../../common/byte-budget.ts';
import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import type { Algorithm } from '../../compress/codec.ts';
import { gzipEngines, readingEngines } from '../../compress/engine.ts';
import { StoreError } from '../../store/errors.ts';
import type { ObjectStore } from '../../store/store.ts';
import { FILE_BYTES } from '../../tree/read-file.ts';
import type { Remark } from '../../whisper/remark.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { fetchBackup } from '../../workers/tasks/decode.ts';

export type Reading =
  /** It is whole and has the right SHA-1. `remark`: the file was odd or damaged when it was backed up. */
  | { readonly outcome: 'sound'; readonly remark?: Remark }
  /** It was deleted after it was listed. */
  | { readonly outcome: 'vanished' }
  /** `failed`: it could not be read, so its state is unknown. */
  | { readonly outcome: 'damaged' | 'failed'; readonly code: ErrorCode; readonly reason: string };

export interface ReadingContext {
  readonly store: ObjectStore;
  readonly pool: WorkerPool;
  /** Compressed bytes in memory. */
  readonly bodies: ByteBudget;
  /** Uncompressed bytes in memory. */
  readonly budget: ByteBudget;
  /** Also decode a damaged file that is larger than its header requires. */
  readonly includeDamaged: boolean;
  readonly onFetched: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Fetches a backup and checks that it is whole, has the right SHA-1, and holds a usable Whisper file.
 *
 * @param engine name of the engine that decompresses it, or `auto`.
 */
export async function readBackup(backup: Backup, engine: string, context: ReadingContext): Promise<Reading> {
  return context.bodies.run(backup.object.size, async () => {
    const { signal } = context;
    try {
      const read = await checkOnce(backup, engine, context, true);
      if (!('code' in read) || read.code !== 'COMPRESSION_UNDERSTATED') return read;
      // With several gzip members, only the size of the last one was declared.
      return await checkOnce(backup, engine, context, false);
    } catch (error) {
      signal.throwIfAborted();
      return await classify(error, backup, context);
    }
  });
}

/** @param trustSize as for {@link fetchBackup}. */
async function checkOnce(
  backup: Backup,
  engine: string,
  { store, budget, includeDamaged, pool, onFetched, signal }: ReadingContext,
  trustSize: boolean,
): Promise<Reading> {
  signal.throwIfAborted();
  const encoded = await fetchBackup(backup, store, signal, trustSize);
  onFetched(encoded.body.length);
  const task = { backup: encoded, engine, includeDamaged };
  return budget.run(encoded.reservedBytes ?? FILE_BYTES, () => pool.run('check', task, [encoded.body]));
}

/** Determines from an error whether the backup is damaged. */
async function classify(error: unknown, backup: Backup, context: ReadingContext): Promise<Reading> {
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
 * Chooses the engine that decompresses a backup to verify it: not the one that this host writes with, so that no engine
 * checks its own output. The file does not record which engine wrote it.
 *
 * @param gzipEngine the engine that this host writes with, or `auto`.
 */
export function otherEngine(algorithm: Algorithm, gzipEngine = 'auto'): string {
  // Both engines that write Zstandard are libzstd.
  if (algorithm === 'zst') return 'fzstd';
  const writer = gzipEngine === 'auto' ? gzipEngines()[0] : gzipEngine;
  return readingEngines(algorithm).find((engine) => algorithm !== 'gz' || engine !== writer) ?? 'auto';
}
