import { statSync } from 'node:fs';
import { type Backup, sha1Of } from '../../bucket/metric.ts';
import { codeOf, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { contentBytesOf } from '../../compress/content-size.ts';
import type { ObjectStore } from '../../store/store.ts';
import { FILE_BYTES } from '../../tree/read-file.ts';
import type { Published, PublishTask } from './publish.ts';

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
  /** Runs a task when so many uncompressed bytes may be held. */
  readonly within: <T>(bytes: number, task: () => Promise<T>) => Promise<T>;
  readonly signal?: AbortSignal;
}

export type BroughtBack = Published & {
  /** Bytes that came from the store. */
  readonly fetched: number;
};

/** Fetches one backup, and publishes it. Never throws. */
export async function bringBack(
  backup: BackupToBring,
  rules: BringBackRules,
  context: BringBackContext,
): Promise<BroughtBack> {
  const result = await bringBackOnce(backup, rules, context, true);
  if (!('code' in result) || result.code !== 'COMPRESSION_UNDERSTATED') return result;
  // Of several gzip members only the last one's size was known.
  const again = await bringBackOnce(backup, rules, context, false);
  return { ...again, fetched: result.fetched + again.fetched };
}

/** @param isBelieved whether the backup's own word is taken for how large it will be; else it gets all the memory there is. */
async function bringBackOnce(
  { path, backup }: BackupToBring,
  rules: BringBackRules,
  context: BringBackContext,
  isBelieved: boolean,
): Promise<BroughtBack> {
  const { store, signal } = context;
  const { object, algorithm } = backup;
  let fetched = 0;
  try {
    signal?.throwIfAborted();
    const sha1 = await sha1Of(backup, store, signal);
    const body = await store.get(object.key, {
      maxBytes: FILE_BYTES,
      expectedBytes: object.size,
      ...(signal && { signal }),
    });
    fetched = body.length;
    const reservedBytes = isBelieved ? contentBytesOf(body, algorithm) : undefined;
    const encoded = { key: object.key, body, algorithm, sha1, ...(reservedBytes !== undefined && { reservedBytes }) };
    const bytes = (reservedBytes ?? FILE_BYTES) + localBytes(`${rules.prefix}/${path}.wsp`);
    const published = await context.within(bytes, () => context.publish({ ...rules, path, backup: encoded }));
    return { ...published, fetched };
  } catch (error) {
    const isDamage = error instanceof WhisperBackupError && (error.code === 'BAD_SHA1' || error.code === 'NOT_FOUND');
    return { outcome: 'failed', code: codeOf(error), reason: reasonOf(error), backupDamaged: isDamage, fetched };
  }
}

/** A local file that is there is read, too. */
function localBytes(file: string): number {
  try {
    return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    return 0;
  }
}
