import { pMapIterable } from 'p-map';
import { catalogPages } from '../../bucket/catalog.ts';
import { countForeign } from '../../bucket/foreign.ts';
import type { Backup, StoredMetric } from '../../bucket/metric.ts';
import { ByteBudget } from '../../common/byte-budget.ts';
import { codeOf, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { selector } from '../../common/glob.ts';
import type { PlaceOptions, RunOptions, SelectOptions, TreeOptions } from '../../common/options.ts';
import { batched } from '../../common/pages.ts';
import { type Damaged, type Summary, Tally } from '../../common/summary.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import { UnderWay } from '../../common/under-way.ts';
import type { ObjectStore } from '../../store/store.ts';
import { FileSystems } from '../../system/filesystems.ts';
import { makePrefix, type Owner, refusal } from '../../tree/place.ts';
import { countRemark } from '../../whisper/remark.ts';
import { type LoadOptions, tasksAtOnce, WorkerPool } from '../../workers/pool.ts';
import { SharedBudget } from '../../workers/shared-budget.ts';
import type { BackupToBring, BringBackRules, BroughtBack } from '../../workers/tasks/bring-back.ts';
import type { Published } from '../../workers/tasks/publish.ts';
import { rehearsePrefix } from '../../workers/tasks/rehearse.ts';
import { deviceOf } from '../../workers/trace.ts';
import { checkApart } from '../shared/apart.ts';
import { type EarlySummaryOptions, withEarlySummary } from '../shared/early-summary.ts';
import { hintForBucket } from '../shared/nothing-hint.ts';
import { isInPart, type Part } from '../shared/part.ts';
import { DryRoom } from './dry-room.ts';
import type { PublishedFile } from './published-files.ts';
import { Rechecks } from './rechecks.ts';

export interface RestoreOptions
  extends RunOptions,
    SelectOptions,
    PlaceOptions,
    TreeOptions,
    LoadOptions,
    EarlySummaryOptions {
  /** Take the newest backup strictly before this. @default the newest of all */
  readonly date?: Date;
  /** Fetch and check everything, write nothing. @default false */
  readonly dryRun?: boolean;
  /** Restore files that were damaged when they were backed up as they are. @default false */
  readonly includeDamaged?: boolean;
  /** When a backup is damaged, take the one before it. @default false */
  readonly fallback?: boolean;
  /** Replace local files instead of backfilling them. @default false */
  readonly overwrite?: boolean;
  /** Move damaged local files aside and restore them. @default false */
  readonly replaceDamaged?: boolean;
  /** Leave out metrics that were gone at the date. @default false */
  readonly skipGone?: boolean;
  /** Only this part of the metrics. @default all of them */
  readonly part?: Part;
  /** How long after it was published each file is looked at again at the earliest, in milliseconds. @default 500 */
  readonly recheckAfterMs?: number;
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
  'refilled',
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
  const tally = new Tally(COUNTS);
  const about = { command: 'restore', store: store.name, dryRun: options.dryRun ?? false } as const;
  return withEarlySummary(tally, about, options, async () => {
    await bringAllBack(store, options, tally);
    return tally.finish(about);
  });
}

async function bringAllBack(store: ObjectStore, options: RestoreOptions, tally: Tally): Promise<void> {
  const { report, signal, dryRun = false, processes = 4, bytesInFlight = 2 ** 28 } = options;
  const now = options.now ?? (() => new Date());
  const isSelected = selector(options);
  // Compressed, as they came; and uncompressed.
  const bodies = new ByteBudget(bytesInFlight);
  // Once: it depends on how many files may be opened now.
  const atOnce = tasksAtOnce(processes);
  const inFlight = new SharedBudget(bytesInFlight, atOnce);
  const pool = new WorkerPool({
    threads: processes,
    store,
    ...(options.threadStore && { threadStore: options.threadStore }),
    onWarning: (warning) => report.log('warn', warning),
    ...(signal && { signal }),
  });
  // Where the file system has no locks every file would fail alike: stop, and say so once.
  let noLocks: WhisperBackupError | undefined;
  const dryRoom = new DryRoom();
  const progress = { phase: 'Restoring', done: 0, found: 0, complete: false };
  const events = {
    onForeign: (key: string) => countForeign(tally, key),
    ...(options.onOwn && { onOwn: options.onOwn }),
    onDisorder: (previous: string, key: string) =>
      report.log('warn', `The listing of ${store.name} was not in order: ${key} after ${previous}`),
    ...(signal && { signal }),
  };
  async function* selected(): AsyncGenerator<readonly StoredMetric[]> {
    for await (const metrics of catalogPages(store, options, events)) {
      if (signal?.aborted || noLocks) return;
      const { part } = options;
      const chosen = metrics.filter(({ metric }) => isSelected(metric) && (!part || isInPart(metric, part)));
      progress.found += chosen.length;
      yield chosen;
    }
    progress.complete = true;
  }
  const rechecks = new Rechecks({
    tally,
    recheck: (files) =>
      pool.run('recheck', {
        files: files.map(({ path, trace }) => ({ file: `${options.prefix}/${path}.wsp`, trace })),
      }),
    // Whatever was asked for, what carbon has written since must stay.
    publish: (files) => publishAll(files, { overwrite: false, replaceDamaged: false }),
    afterMs: options.recheckAfterMs ?? 500,
    atOnce,
    ...(signal && { signal }),
  });
  const written = new FileSystems();
  const underWay = new UnderWay();
  try {
    await checkApart(store, options.prefix);
    pool.start();
    await store.open({ create: false, ...(signal && { signal }) });
    tally.begin();
    // Opened before anything is written, or syncfs(2) would not be told of every error.
    if (dryRun) checkTree(options.prefix);
    else await addTree(written, options);
    const visits = pMapIterable(
      batched(selected(), weightOf, { ...BATCH, weight: Math.min(BATCH.weight, bytesInFlight / 2) }),
      (batch) => underWay.track(visit(batch)),
      {
        concurrency: atOnce,
        backpressure: atOnce + 8,
      },
    );
    try {
      for await (const visited of visits) {
        progress.done += visited;
        report.progress({ ...progress, failed: tally.get('failed'), bytes: tally.get('bytesFetched') });
      }
    } finally {
      // If the store ended it early, what was under way counts, too, and is to last.
      await underWay.settle();
      await written.sync();
      await rechecks.finish();
      if (tally.get('refilled') > 0) await written.sync();
    }
  } finally {
    await pool.close();
    await written.close();
  }
  signal?.throwIfAborted();
  if (noLocks) throw noLocks;
  if (tally.get('metrics') === 0) {
    const before = options.date ? ` before ${formatTimestamp(options.date)}` : '';
    const glob = JSON.stringify(options.metrics ?? '*');
    const hint = await hintForBucket(store, options);
    tally.stop(
      'NOTHING_MATCHED',
      `Nothing to restore: ${store.name} holds no backup${before} that matches ${glob}${hint}`,
    );
  }

  /** @returns how many metrics it was about. */
  async function visit(batch: readonly StoredMetric[]): Promise<number> {
    let attempts = batch.flatMap(choose);
    const published: PublishedFile[] = [];
    while (attempts.length > 0 && !signal?.aborted) {
      const results = await publishAll(attempts.map(({ stored, backup }) => ({ path: stored.path, backup })));
      published.push(...attempts.flatMap((attempt, i) => publishedFile(attempt, results[i])));
      attempts = attempts.flatMap((attempt, i) => {
        const next = settle(attempt, results[i]);
        return next ? [next] : [];
      });
    }
    for (const { path, trace } of published) await written.addOf(`${options.prefix}/${path}.wsp`, deviceOf(trace));
    await rechecks.add(published);
    return batch.length;
  }

  /** Which backup of a metric is to be brought back, if any. */
  function choose(stored: StoredMetric): Attempt[] {
    const { metric } = stored;
    for (const { key } of stored.loneSha1s)
      tally.note({ metric, code: 'LONE_SHA1', reason: `${key} is a checksum without data: damage` });
    const candidates = candidatesOf(stored, options.date).slice(options.fallback ? undefined : -1);
    const backup = candidates.pop();
    if (!backup) return [];
    if (options.skipGone && isGone(stored, options.date)) {
      tally.skip({ metric, code: 'GONE', reason: 'it was no longer in the local tree by then' });
      return [];
    }
    tally.add('metrics');
    return [{ stored, backup, older: candidates }];
  }

  async function publishAll(
    files: readonly BackupToBring[],
    different?: Pick<BringBackRules, 'overwrite' | 'replaceDamaged'>,
  ): Promise<BroughtBack[]> {
    const backups = files.map(({ path, backup }) => ({ path, backup }));
    const rules: BringBackRules = {
      prefix: options.prefix,
      flock: options.flock ?? true,
      fileLockTimeout: options.fileLockTimeout ?? 10,
      includeDamaged: options.includeDamaged ?? false,
      overwrite: options.overwrite ?? false,
      replaceDamaged: options.replaceDamaged ?? false,
      dryRun,
      now: now().getTime(),
      ...(options.owner && { owner: options.owner }),
      ...different,
    };
    const bytes = backups.reduce((sum, { backup }) => sum + backup.object.size, 0);
    try {
      return await bodies.run(bytes, () => inFlight.lend((share) => pool.run('bringBack', { backups, rules, share })));
    } catch (error) {
      // The thread died: the others go on.
      const failed = { outcome: 'failed', code: codeOf(error), reason: reasonOf(error) } as const;
      return backups.map(() => ({ ...failed, backupDamaged: false, fetched: 0 }));
    }
  }

  /** @returns what is to be tried next. */
  function settle({ stored, backup: tried, older }: Attempt, came: BroughtBack | undefined): Attempt | undefined {
    if (!came) return undefined;
    const result = withRoom(stored.path, came);
    const { metric } = stored;
    tally.add('bytesFetched', result.fetched);
    if (result.outcome !== 'failed') {
      count(metric, result);
      tally.use(tried.time);
      return undefined;
    }
    if (signal?.aborted) return undefined;
    const { code, reason } = result;
    if (code === 'NO_LOCKS') noLocks ??= new WhisperBackupError(code, reason);
    const backup = older.at(-1);
    if (!result.backupDamaged || !backup) {
      const backup = result.backupDamaged && { key: tried.object.key, instead: insteadOf(tried, stored, options.date) };
      tally.fail({ metric, code, reason, ...(backup && { backup }) });
      return undefined;
    }
    tally.add('fallbacks');
    tally.note({ metric, code, reason: `${reason}: took an older backup` });
    return { stored, backup, older: older.slice(0, -1) };
  }

  /** In a dry run: a failure when those before it have taken the room that it needs. */
  function withRoom(path: string, result: BroughtBack): BroughtBack {
    if (result.outcome !== 'restored' || !result.room || dryRoom.take(result.room)) return result;
    const error = refusal(Object.assign(new Error(), { code: 'ENOSPC' }), `restore ${options.prefix}/${path}.wsp`);
    const { fetched } = result;
    return { outcome: 'failed', code: 'ENOSPC', reason: reasonOf(error), backupDamaged: false, fetched };
  }

  function count(metric: string, result: Exclude<Published, { outcome: 'failed' }>): void {
    tally.add(result.outcome);
    tally.add('bytesRestored', result.bytes);
    if (result.remark) countRemark(metric, result.remark, tally);
    if (result.outcome === 'backfilled') tally.add('pointsFilled', result.filled);
    const detail = result.outcome === 'backfilled' ? ` (${result.filled} points)` : '';
    report.log('debug', `${metric}: ${dryRun ? 'would be ' : ''}${result.outcome}${detail}`);
  }
}

/** In a dry run: what prevents that the prefix is opened or made. */
function checkTree(prefix: string): void {
  try {
    rehearsePrefix(prefix);
  } catch (error) {
    throw refusal(error, `make ${prefix}`);
  }
}

/** What is to be looked at again. */
function publishedFile({ stored, backup }: Attempt, result: BroughtBack | undefined): PublishedFile[] {
  if (result?.outcome !== 'restored' && result?.outcome !== 'backfilled') return [];
  const { outcome, trace } = result;
  return trace ? [{ metric: stored.metric, path: stored.path, backup, outcome, trace, again: 0 }] : [];
}

/** Makes the prefix where it is missing, and holds it open. */
async function addTree(written: FileSystems, options: Pick<RestoreOptions, 'prefix' | 'owner'>): Promise<void> {
  try {
    const directory = makePrefix(options.prefix, options);
    try {
      await written.add(directory.at('.'));
    } finally {
      directory.close();
    }
  } catch (error) {
    throw refusal(error, `make ${options.prefix}`);
  }
}

/** What one metric is brought back from, and what else there would be. */
interface Attempt {
  readonly stored: StoredMetric;
  readonly backup: Backup;
  /** Ascending. */
  readonly older: readonly Backup[];
}

/** How much a thread is given at once. */
const BATCH = { items: 64, weight: 2 ** 22 };

/** About the size of the file that the newest backup becomes; many small ones make a batch. */
function weightOf({ backups }: StoredMetric): number {
  return Math.max(2 ** 17, 4 * (backups.at(-1)?.object.size ?? 0));
}

/** The backups strictly before the date, ascending. */
function candidatesOf(stored: StoredMetric, date: Date | undefined): Backup[] {
  return stored.backups.filter((backup) => !date || backup.time.getTime() < date.getTime());
}

/** What `--fallback` would take instead. */
function insteadOf(tried: Backup, stored: StoredMetric, date: Date | undefined): Damaged['instead'] {
  const older = candidatesOf(stored, date);
  const key = older[older.indexOf(tried) - 1]?.object.key;
  return key === undefined ? null : { key, read: false };
}

/** Whether a tombstone says that the metric was gone at the date, and no backup says that it came back. */
function isGone(stored: StoredMetric, date: Date | undefined): boolean {
  const newest = candidatesOf(stored, date).at(-1)?.time.getTime() ?? 0;
  return stored.tombstones.some(({ time }) => time.getTime() > newest && (!date || time.getTime() < date.getTime()));
}
