import pMap from 'p-map';
import { type Backup, sha1Of } from '../../bucket/metric.ts';
import { codeOf, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import type { JournalLines } from '../../journal/points.ts';
import type { ObjectStore } from '../../store/store.ts';
import { FILE_BYTES } from '../../tree/read-file.ts';
import { HEAD_BYTES, POINT_SIZE } from '../../whisper/header.ts';
import type { NewSchema } from '../../whisper/reshape.ts';
import type { TaskContext } from '../context.ts';
import { type BudgetShare, ShareSpender } from '../shared-budget.ts';
import { fetchBackup } from './decode.ts';
import { publish } from './publish.ts';
import type { Published, PublishTask } from './publish-task.ts';
import { findSameFile, localBytes } from './same-file.ts';

/** Backups to restore. Small ones are sent to a thread in batches. */
interface RestoreBatch {
  readonly backups: readonly BackupToRestore[];
  readonly rules: RestoreRules;
  /** The batch's share of the budget for uncompressed bytes. */
  readonly share: BudgetShare;
}

export interface BackupToRestore {
  /** Path of the file below the prefix, without `.wsp`. */
  readonly path: string;
  readonly backup: Backup;
  /** Of the runs since the backup, in their order. @default none */
  readonly journal?: readonly JournalLines[];
  /** @default that of the backup */
  readonly schema?: NewSchema;
}

export type RestoreRules = Omit<PublishTask, 'backup' | 'path' | 'journal' | 'schema'>;

interface RestoreContext extends Pick<TaskContext, 'stopped' | 'throwIfStopped'> {
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
  readonly publish: (task: PublishTask) => Promise<Published>;
  /** Runs a task when that many uncompressed bytes are free in the budget. */
  readonly within: <T>(bytes: number, task: () => Promise<T>) => Promise<T>;
}

export type RestoredFile = Published & {
  /** Compressed bytes from the store. */
  readonly fetched: number;
};

/** How many backups of a batch are fetched at once: small ones take longer to travel than to publish. */
const CONCURRENCY = 16;

/** A point in memory takes up to so many times the bytes of its line. */
const POINT_FACTOR = 3;

/** A thread restores files of this size one at a time. */
const LARGE_BYTES = 2 ** 22;

/** Fetches, checks and publishes backups. Returns results in their order. */
export function restoreFiles({ backups, rules, share }: RestoreBatch, thread: TaskContext): Promise<RestoredFile[]> {
  return thread.withStore((store, signal) => {
    const spender = new ShareSpender(share, signal);
    const context: RestoreContext = {
      store,
      signal,
      stopped: thread.stopped,
      throwIfStopped: thread.throwIfStopped,
      publish: (task) => publish(task, thread.stopped),
      within: (bytes, task) => {
        const run = () => spender.run(bytes, task);
        return bytes < LARGE_BYTES ? run() : thread.large.runExclusive(run);
      },
    };
    return pMap(backups, (backup) => restoreFile(backup, rules, context), { concurrency: CONCURRENCY });
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
  // With several gzip members, only the size of the last one was declared.
  const again = await restoreOnce(backup, rules, context, false);
  return { ...again, fetched: result.fetched + again.fetched };
}

/** @param trustSize as for {@link fetchBackup}. */
async function restoreOnce(
  { path, backup, journal = [], schema }: BackupToRestore,
  rules: RestoreRules,
  context: RestoreContext,
  trustSize: boolean,
): Promise<RestoredFile> {
  const { store, signal } = context;
  let fetched = 0;
  try {
    context.throwIfStopped();
    const sha1 = await sha1Of(backup, store, signal);
    const file = `${rules.prefix}/${path}.wsp`;
    const size = localBytes(file);
    const { stopped } = context;
    const same =
      size > 0 &&
      journal.length === 0 &&
      !schema &&
      (await context.within(size, () => findSameFile(file, sha1, { ...rules, stopped })));
    if (same) return { ...same, fetched };
    const encoded = await fetchBackup({ ...backup, sha1 }, store, signal, trustSize);
    fetched = encoded.body.length;
    // A backfill holds the local file twice, before and after.
    const shape = schema && { schema };
    const bytes =
      (encoded.reservedBytes ?? FILE_BYTES) + 2 * size + 2 * schemaBytes(schema) + POINT_FACTOR * linesBytes(journal);
    const task = { ...rules, ...shape, path, backup: encoded, journal };
    const published = await context.within(bytes, () => context.publish(task));
    return { ...published, fetched };
  } catch (error) {
    const isDamage = error instanceof WhisperBackupError && (error.code === 'BAD_SHA1' || error.code === 'NOT_FOUND');
    return { outcome: 'failed', code: codeOf(error), reason: reasonOf(error), backupDamaged: isDamage, fetched };
  }
}

function schemaBytes(schema: NewSchema | undefined): number {
  return schema ? schema.archives.reduce((sum, { points }) => sum + points * POINT_SIZE, HEAD_BYTES) : 0;
}

function linesBytes(journal: readonly JournalLines[]): number {
  return journal.reduce((sum, { lines }) => sum + lines.length, 0);
}
