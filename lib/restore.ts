import { open } from 'node:fs/promises';
import { pMapIterable } from 'p-map';
import { type BringBackTask, bringBack } from './bringback.ts';
import { type Backup, catalog, type StoredMetric } from './bucket/catalog.ts';
import { formatTimestamp } from './bucket/timestamp.ts';
import { ByteBudget } from './bytebudget.ts';
import { WhisperBackupError } from './errors.ts';
import { selector } from './glob.ts';
import type { LoadOptions, PlaceOptions, RunOptions, SelectOptions, TreeOptions } from './options.ts';
import type { ObjectStore } from './store/store.ts';
import { type Summary, Tally } from './summary.ts';
import { syncfs } from './system/syncfs.ts';
import { makePrefix, type Owner } from './tree/place.ts';
import { tasksAtOnce, WorkerPool } from './workers/pool.ts';
import type { Published } from './workers/publish.ts';

export interface RestoreOptions extends RunOptions, SelectOptions, PlaceOptions, TreeOptions, LoadOptions {
  /** Take the newest backup strictly before this. @default the newest of all */
  readonly date?: Date;
  /** Fetch and check everything, write nothing. @default false */
  readonly dryRun?: boolean;
  /** When a backup is damaged, take the one before it. @default false */
  readonly fallback?: boolean;
  /** Replace local files instead of backfilling them. @default false */
  readonly overwrite?: boolean;
  /** Move damaged local files aside and restore them. @default false */
  readonly replaceDamaged?: boolean;
  /** Leave out metrics that were gone at the date. @default false */
  readonly skipGone?: boolean;
  /** Who gets what is made. @default the owner of the nearest directory that was there */
  readonly owner?: Owner;
}

/** Figures that the summary always has. */
const COUNTS = [
  'metrics',
  'restored',
  'backfilled',
  'pointsFilled',
  'unchanged',
  'skipped',
  'failed',
  'bytesFetched',
  'bytesRestored',
  'foreignKeys',
];

/**
 * Brings metrics back: each to the state of its newest backup before a date. A local file is never lost: it is
 * backfilled, or replaced when that was asked for. A backup that is not whole changes nothing.
 *
 * @throws StoreError when the bucket cannot be used at all; WhisperBackupError `NO_LOCKS`; the signal's reason. What
 *   befalls single metrics is in the summary.
 */
export async function restore(store: ObjectStore, options: RestoreOptions): Promise<Summary> {
  const { report, signal, dryRun = false, processes = 4, bytesInFlight = 2 ** 28 } = options;
  const now = options.now ?? (() => new Date());
  const tally = new Tally(COUNTS);
  await store.open({ create: false, ...(signal && { signal }) });
  const isSelected = selector(options);
  const budget = new ByteBudget(bytesInFlight);
  const pool = new WorkerPool({
    threads: processes,
    ...(options.threadStore && { store: options.threadStore }),
    onWarning: (warning) => report.log('warn', warning),
    ...(signal && { signal }),
  });
  // Opened before anything is written, or syncfs(2) would not be told of every error.
  const tree = dryRun ? undefined : await open(makePrefix(options.prefix, options));
  // Where the file system has no locks every file would fail alike: stop, and say so once.
  let noLocks: WhisperBackupError | undefined;
  const progress = { phase: 'Restoring', done: 0, found: 0, complete: false };
  const events = {
    onForeign: () => tally.add('foreignKeys'),
    onDisorder: (previous: string, key: string) =>
      report.log('warn', `The listing of ${store.name} was not in order: ${key} after ${previous}`),
    ...(signal && { signal }),
  };
  async function* selected(): AsyncGenerator<StoredMetric> {
    for await (const stored of catalog(store, options, events)) {
      if (signal?.aborted || noLocks) return;
      if (!isSelected(stored.metric)) continue;
      progress.found++;
      yield stored;
    }
    progress.complete = true;
  }
  try {
    const visits = pMapIterable(selected(), (stored) => visit(stored), {
      concurrency: tasksAtOnce(processes),
      backpressure: 1024,
    });
    for await (const _ of visits) {
      progress.done++;
      report.progress({ ...progress, failed: tally.get('failed'), bytes: tally.get('bytesFetched') });
    }
    if (tree) await syncfs(tree.fd);
  } finally {
    await pool.close();
    await tree?.close();
  }
  signal?.throwIfAborted();
  if (noLocks) throw noLocks;
  if (tally.get('metrics') === 0) {
    const before = options.date ? ` before ${formatTimestamp(options.date)}` : '';
    const glob = JSON.stringify(options.metrics ?? '*');
    tally.stop('NOTHING_MATCHED', `Nothing to restore: ${store.name} holds no backup${before} that matches ${glob}`);
  }
  return tally.finish({ command: 'restore', store: store.name, dryRun });

  async function visit(stored: StoredMetric): Promise<void> {
    const { metric } = stored;
    for (const { key } of stored.loneSha1s)
      tally.note({ metric, code: 'LONE_SHA1', reason: `${key} is a checksum without data: damage` });
    const candidates = candidatesOf(stored, options.date).slice(options.fallback ? undefined : -1);
    if (candidates.length === 0) return;
    if (options.skipGone && isGone(stored, options.date)) {
      tally.skip({ metric, code: 'GONE', reason: 'it was gone from the local tree by then' });
      return;
    }
    tally.add('metrics');
    while (!signal?.aborted) {
      const candidate = candidates.pop();
      if (!candidate) return;
      const result = await tryOne(stored, candidate);
      if (result.outcome !== 'failed') return count(metric, result);
      if (signal?.aborted) return;
      if (result.code === 'NO_LOCKS') noLocks ??= new WhisperBackupError(result.code, result.reason);
      if (!result.backupDamaged || candidates.length === 0)
        return tally.fail({ metric, code: result.code, reason: result.reason });
      tally.add('fallbacks');
      tally.note({ metric, code: result.code, reason: `${result.reason}: took an older backup` });
    }
  }

  async function tryOne({ path }: StoredMetric, backup: Backup): Promise<Published> {
    const task: BringBackTask = {
      prefix: options.prefix,
      path,
      backup,
      flock: options.flock ?? true,
      fileLockTimeout: options.fileLockTimeout ?? 10,
      overwrite: options.overwrite ?? false,
      replaceDamaged: options.replaceDamaged ?? false,
      dryRun,
      now: now().getTime(),
      ...(options.owner && { owner: options.owner }),
    };
    // The backup, and the file it becomes.
    const result = await budget.run(backup.object.size * 5, async () =>
      options.threadStore
        ? pool.bringBack(task)
        : bringBack(task, { store, publish: (published) => pool.publish(published), ...(signal && { signal }) }),
    );
    tally.add('bytesFetched', result.fetched);
    return result;
  }

  function count(metric: string, result: Exclude<Published, { outcome: 'failed' }>): void {
    tally.add(result.outcome);
    tally.add('bytesRestored', result.bytes);
    if (result.outcome === 'backfilled') tally.add('pointsFilled', result.filled);
    const detail = result.outcome === 'backfilled' ? ` (${result.filled} points)` : '';
    report.log('debug', `${metric}: ${dryRun ? 'would be ' : ''}${result.outcome}${detail}`);
  }
}

/** The backups strictly before the date, ascending. */
function candidatesOf(stored: StoredMetric, date: Date | undefined): Backup[] {
  return stored.backups.filter((backup) => !date || backup.time.getTime() < date.getTime());
}

/** Whether a tombstone says that the metric was gone at the date, and no backup says that it came back. */
function isGone(stored: StoredMetric, date: Date | undefined): boolean {
  const newest = candidatesOf(stored, date).at(-1)?.time.getTime() ?? 0;
  return stored.tombstones.some(({ time }) => time.getTime() > newest && (!date || time.getTime() < date.getTime()));
}
