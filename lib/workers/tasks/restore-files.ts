import { statSync } from 'node:fs';
import pMap from 'p-map';
import { type Backup, sha1Of } from '../../bucket/metric.ts';
import { codeOf, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { plausibleBytes } from '../../compress/claimed-size.ts';
import type { ObjectStore } from '../../store/store.ts';
import { FILE_BYTES } from '../../tree/read-file.ts';
import type { TaskContext } from '../context.ts';
import { type BudgetShare, ShareSpender } from '../shared-budget.ts';
import { type Published, type PublishTask, publish } from './publish.ts';

/** Backups to bring back. Many small ones cross to a thread at once. */
interface RestoreBatch {
  readonly backups: readonly BackupToRestore[];
  readonly rules: RestoreRules;
  /** Of the uncompressed bytes that all threads may hold. */
  readonly share: BudgetShare;
}

/** One backup to bring back. */
export interface BackupToRestore {
  /** Of the file, below the prefix, without `.wsp`. */
  readonly path: string;
  readonly backup: Backup;
}

/** What applies to all backups of a run. */
export type RestoreRules = Omit<PublishTask, 'backup' | 'path'>;

interface RestoreContext extends Pick<TaskContext, 'throwIfStopped'> {
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
  readonly publish: (task: PublishTask) => Promise<Published>;
  /** Runs a task when so many uncompressed bytes may be held. */
  readonly within: <T>(bytes: number, task: () => Promise<T>) => Promise<T>;
}

export type RestoredFile = Published & {
  /** Bytes that came from the store. */
  readonly fetched: number;
};

/** Backups of a batch in progress at once: while one is fetched, the last is published. */
const AT_ONCE = 4;

/** Files of this size a thread restores one by one. */
const LARGE_BYTES = 2 ** 22;

/** Fetches, checks and publishes backups. Results come in their order. */
export function restoreFiles({ backups, rules, share }: RestoreBatch, thread: TaskContext): Promise<RestoredFile[]> {
  return thread.withStore((store, signal) => {
    const spender = new ShareSpender(share, signal);
    const context: RestoreContext = {
      store,
      signal,
      throwIfStopped: thread.throwIfStopped,
      publish: (task) => publish(task, thread.stopped),
      within: (bytes, task) => {
        const run = () => spender.run(bytes, task);
        return bytes < LARGE_BYTES ? run() : thread.large.runExclusive(run);
      },
    };
    return pMap(backups, (backup) => restoreFile(backup, rules, context), { concurrency: AT_ONCE });
  });
}

/** Never throws. */
async function restoreFile(
  backup: BackupToRestore,
  rules: RestoreRules,
  context: RestoreContext,
): Promise<RestoredFile> {
  const result = await restoreOnce(backup, rules, context, true);
  if (!('code' in result) || result.code !== 'COMPRESSION_UNDERSTATED') return result;
  // Of several gzip members only the last one's size was known.
  const again = await restoreOnce(backup, rules, context, false);
  return { ...again, fetched: result.fetched + again.fetched };
}

/** @param isBelieved whether the backup's own word is taken for how large it will be; else it gets all the memory there is. */
async function restoreOnce(
  { path, backup }: BackupToRestore,
  rules: RestoreRules,
  context: RestoreContext,
  isBelieved: boolean,
): Promise<RestoredFile> {
  const { store, signal } = context;
  const { object, algorithm } = backup;
  let fetched = 0;
  try {
    context.throwIfStopped();
    const sha1 = await sha1Of(backup, store, signal);
    const body = await store.get(object.key, { maxBytes: FILE_BYTES, expectedBytes: object.size, signal });
    fetched = body.length;
    const reservedBytes = isBelieved ? plausibleBytes(algorithm, body) : undefined;
    const encoded = { key: object.key, body, algorithm, sha1, ...(reservedBytes !== undefined && { reservedBytes }) };
    const bytes = (reservedBytes ?? FILE_BYTES) + fillBytes(`${rules.prefix}/${path}.wsp`);
    const published = await context.within(bytes, () => context.publish({ ...rules, path, backup: encoded }));
    return { ...published, fetched };
  } catch (error) {
    const isDamage = error instanceof WhisperBackupError && (error.code === 'BAD_SHA1' || error.code === 'NOT_FOUND');
    return { outcome: 'failed', code: codeOf(error), reason: reasonOf(error), backupDamaged: isDamage, fetched };
  }
}

/** A local file that exists is read, and computed anew beside that. */
function fillBytes(file: string): number {
  try {
    return 2 * (statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  } catch {
    return 0;
  }
}
