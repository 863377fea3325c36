import type { Backup } from '../bucket/metric.ts';
import { sha1Of } from '../bucket/storedsha1.ts';
import type { ByteBudget } from '../bytebudget.ts';
import { codeOf, reasonOf, WhisperBackupError } from '../errors.ts';
import type { Remark } from '../remark.ts';
import { StoreError } from '../store/errors.ts';
import type { ObjectStore } from '../store/store.ts';
import { FILE_BYTES } from '../tree/readfile.ts';
import type { WorkerPool } from '../workers/pool.ts';

/** What reading one backup showed. */
export type Reading =
  /** It is whole, and what was stored. `remark`: what was odd or damaged about the file when it was stored. */
  | { readonly outcome: 'sound'; readonly remark?: Remark }
  /** It was deleted since it was listed. */
  | { readonly outcome: 'vanished' }
  /** `failed`: it could not be read, which says nothing about it. */
  | { readonly outcome: 'damaged' | 'failed'; readonly code: string; readonly reason: string };

export interface ReadingContext {
  readonly store: ObjectStore;
  readonly pool: () => WorkerPool;
  readonly budget: ByteBudget;
  /** Also decode a damaged file that is larger than its header accounts for. */
  readonly includeDamaged: boolean;
  readonly onFetched: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Fetches a backup, and checks that it is whole and what was stored, and whether the file was a usable Whisper file.
 *
 * @param engine what decompresses it.
 * @throws the signal's reason.
 */
export async function readBackup(backup: Backup, engine: string, context: ReadingContext): Promise<Reading> {
  const { object } = backup;
  const { budget, includeDamaged, pool, signal, store } = context;
  // The backup, and the file it becomes.
  return budget.run(object.size * 5, async () => {
    try {
      signal?.throwIfAborted();
      const sha1 = await sha1Of(backup, store, signal);
      const body = await store.get(object.key, { maxBytes: FILE_BYTES, ...(signal && { signal }) });
      context.onFetched(body.length);
      const encoded = { key: object.key, body, algorithm: backup.algorithm, sha1 };
      return await pool().check({ backup: encoded, engine, includeDamaged });
    } catch (error) {
      signal?.throwIfAborted();
      return await meaningOf(error, backup, context);
    }
  });
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
      context.signal?.throwIfAborted();
      return { outcome: 'failed', code: codeOf(cause), reason: reasonOf(cause) };
    }
    return { outcome: 'damaged', code, reason: `${reason}, although it is listed` };
  }
  const isDamage = error instanceof StoreError ? code === 'TOO_LARGE' : error instanceof WhisperBackupError;
  return { outcome: isDamage ? 'damaged' : 'failed', code, reason };
}

async function isListed(key: string, { store, signal }: ReadingContext): Promise<boolean> {
  for await (const object of store.list({ prefix: key, ...(signal && { signal }) })) return object.key === key;
  return false;
}
