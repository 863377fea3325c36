import type { Backup } from './bucket/catalog.ts';
import { sha1Of } from './bucket/storedsha1.ts';
import { codeOf, reasonOf, WhisperBackupError } from './errors.ts';
import type { ObjectStore } from './store/store.ts';
import { FILE_BYTES } from './tree/readfile.ts';
import type { Published, PublishTask } from './workers/publish.ts';

/** One backup to bring back. It may cross to a worker thread, so it is plain data. */
export interface BringBackTask extends Omit<PublishTask, 'backup'> {
  readonly backup: Backup;
}

/** Where a backup is fetched from: the main thread, or a worker's. */
export interface BringBackContext {
  readonly store: ObjectStore;
  readonly publish: (task: PublishTask) => Promise<Published>;
  readonly signal?: AbortSignal;
}

export type BroughtBack = Published & {
  /** Bytes that came from the store. */
  readonly fetched: number;
};

/** Fetches one backup, and publishes it. Never throws. */
export async function bringBack(task: BringBackTask, context: BringBackContext): Promise<BroughtBack> {
  const { store, signal } = context;
  const { object, algorithm } = task.backup;
  let fetched = 0;
  try {
    signal?.throwIfAborted();
    const sha1 = await sha1Of(task.backup, store, signal);
    const body = await store.get(object.key, { maxBytes: FILE_BYTES, ...(signal && { signal }) });
    fetched = body.length;
    const published = await context.publish({ ...task, backup: { key: object.key, body, algorithm, sha1 } });
    return { ...published, fetched };
  } catch (error) {
    const isDamage = error instanceof WhisperBackupError && (error.code === 'BAD_SHA1' || error.code === 'NOT_FOUND');
    return { outcome: 'failed', code: codeOf(error), reason: reasonOf(error), backupDamaged: isDamage, fetched };
  }
}
