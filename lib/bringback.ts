import type { Backup } from './bucket/metric.ts';
import { sha1Of } from './bucket/storedsha1.ts';
import { codeOf, reasonOf, WhisperBackupError } from './errors.ts';
import type { ObjectStore } from './store/store.ts';
import { FILE_BYTES } from './tree/readfile.ts';
import type { Published, PublishTask } from './workers/publish.ts';

/** One backup to bring back. It may cross to a worker thread, so it is plain data. */
export interface BackupToBring {
  /** Of the file, below the prefix, without `.wsp`. */
  readonly path: string;
  readonly backup: Backup;
}

/** What holds for all backups of a run; plain data as well. */
export type BringBackRules = Omit<PublishTask, 'backup' | 'path'>;

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
export async function bringBack(
  { path, backup }: BackupToBring,
  rules: BringBackRules,
  context: BringBackContext,
): Promise<BroughtBack> {
  const { store, signal } = context;
  const { object, algorithm } = backup;
  let fetched = 0;
  try {
    signal?.throwIfAborted();
    const sha1 = await sha1Of(backup, store, signal);
    const body = await store.get(object.key, { maxBytes: FILE_BYTES, ...(signal && { signal }) });
    fetched = body.length;
    const published = await context.publish({ ...rules, path, backup: { key: object.key, body, algorithm, sha1 } });
    return { ...published, fetched };
  } catch (error) {
    const isDamage = error instanceof WhisperBackupError && (error.code === 'BAD_SHA1' || error.code === 'NOT_FOUND');
    return { outcome: 'failed', code: codeOf(error), reason: reasonOf(error), backupDamaged: isDamage, fetched };
  }
}
