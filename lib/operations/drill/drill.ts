import { basename, dirname } from 'node:path';
import { pMapIterable } from 'p-map';
import { ByteBudget } from '../../common/byte-budget.ts';
import { codeOf, InvalidOptionError, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import type { PlaceOptions, RunOptions, SelectOptions, TreeOptions } from '../../common/options.ts';
import { type Summary, Tally } from '../../common/summary.ts';
import type { ObjectStore } from '../../store/store.ts';
import { checkPrefix, type LocalFile, walk } from '../../tree/walk.ts';
import { type LoadOptions, tasksAtOnce, WorkerPool } from '../../workers/pool.ts';
import type { Likeness } from '../../workers/tasks/likeness.ts';
import { restore } from '../restore/restore.ts';
import { checkApart } from '../shared/apart.ts';
import { type EarlySummaryOptions, withEarlySummary } from '../shared/early-summary.ts';
import { hintForBucket } from '../shared/nothing-hint.ts';
import type { Part } from '../shared/part.ts';
import { type DrillPlan, planDrill } from './plan.ts';
import { type DifferingPoint, type DrillReport, type DrillSummary, Lags } from './report.ts';
import { checkSpace, makeScratchTree } from './scratch-tree.ts';

export interface DrillOptions
  extends RunOptions,
    SelectOptions,
    PlaceOptions,
    TreeOptions,
    LoadOptions,
    EarlySummaryOptions {
  /** An empty directory outside the tree, or one that is to be made. */
  readonly scratch: string;
  /** Only this part of the metrics. @default all of them */
  readonly part?: Part;
  /** Restore files that were damaged when they were backed up, too. @default false */
  readonly includeDamaged?: boolean;
  /** Leave the restored tree where it is. @default false */
  readonly keep?: boolean;
  /** Only look whether there is something to restore, and room for it: nothing is fetched or judged. @default false */
  readonly dryRun?: boolean;
}

/** Figures that the summary always has. */
const COUNTS = [
  'metrics',
  'restored',
  'same',
  'differing',
  'differingPoints',
  'damaged',
  'gone',
  'neverStored',
  'skipped',
  'failed',
  'bytesFetched',
  'bytesRestored',
];

/** So many points that differ are named. */
const NAMED_POINTS = 20;

/**
 * Rehearses the loss of a host: restores a sample of the bucket to scratch space, as a real restore would (each file is
 * checked by SHA-1 and as Whisper data), compares it with the live tree, point by point, and measures how long it took
 * and which points it lacks. The live tree is only read, each file as a backup reads it; the scratch space is emptied.
 *
 * Nothing is damaged and nothing differs (`counts.damaged`, `counts.differing`) on a host and a bucket that are well.
 *
 * @throws InvalidOptionError for scratch space that cannot be used; WhisperBackupError `NO_SPACE`, `TREE_MISSING`,
 *   `NO_LOCKS`; StoreError when the bucket cannot be used at all; the signal's reason.
 */
export async function drill(store: ObjectStore, options: DrillOptions): Promise<DrillSummary> {
  const tally = new Tally(COUNTS);
  const about = { command: 'drill', store: store.name, dryRun: options.dryRun ?? false } as const;
  return withEarlySummary(tally, about, options, async () => {
    const report = await rehearse(store, options, tally);
    return { ...tally.finish(about), drill: report };
  });
}

async function rehearse(store: ObjectStore, options: DrillOptions, tally: Tally): Promise<DrillReport> {
  const { report, signal, part, dryRun = false, keep = false } = options;
  const began = (options.now ?? (() => new Date()))();
  await checkPrefix(options.prefix);
  await checkApart(store, options.scratch);
  await store.open({ create: false, ...(signal && { signal }) });
  tally.begin();
  const tree = await makeScratchTree(options.scratch, options.prefix, dryRun);
  let isKept = false;
  try {
    let inLive: string | undefined;
    const plan = await planDrill(store, options, tally, {
      onTemporary: (path) => {
        if (basename(path) === tree.marker) inLive ??= dirname(path);
      },
      onDisorder: (previous, key) =>
        report.log('warn', `The listing of ${store.name} was not in order: ${key} after ${previous}`),
      ...(signal && { signal }),
    });
    if (inLive !== undefined)
      throw new InvalidOptionError(
        `Cannot drill: 'scratch' (${options.scratch}) is inside the live tree, as ${inLive}: name a directory elsewhere`,
      );
    tally.add('metrics', plan.metrics);
    if (plan.metrics === 0) {
      const which = part ? `part ${part.number} of ${part.of} of ` : '';
      const glob = JSON.stringify(options.metrics ?? '*');
      const hint = part ? '' : await hintForBucket(store, options);
      tally.stop('NOTHING_MATCHED', `Nothing to restore: ${store.name} holds no backup in ${which}${glob}${hint}`);
    }
    await checkSpace(tree.space, plan.space);
    if (dryRun)
      report.log(
        'warn',
        'Dry run: nothing was fetched, restored or compared, so that this says nothing about the backups: drill without -n',
      );
    if (plan.metrics === 0 || dryRun) return reportOf(plan, undefined, { lags: new Lags(), differing: [] });

    // Nobody else writes there.
    const onEndedEarly = (early: Summary) => take(early, tally);
    const restored = await restore(store, { ...options, prefix: tree.prefix, recheckAfterMs: 0, onEndedEarly });
    take(restored, tally);
    const found = await compareTrees(tree.prefix, began, options, tally);
    isKept = keep;
    return { ...reportOf(plan, restored, found), ...(keep && { kept: tree.prefix }) };
  } finally {
    if (isKept) tree.keep();
    else await tree.remove();
  }

  function reportOf(plan: DrillPlan, restored: Summary | undefined, found: Found): DrillReport {
    const seconds = restored?.seconds ?? 0;
    const count = (name: string) => restored?.counts[name] ?? 0;
    const [metrics, bytesFetched, bytesRestored] = [count('restored'), count('bytesFetched'), count('bytesRestored')];
    const { whole } = plan;
    const perMetric = seconds / metrics;
    const estimate = {
      ...whole,
      secondsByMetrics: perMetric * whole.metrics,
      secondsByBytes: bytesFetched === 0 ? 0 : (seconds / bytesFetched) * whole.bytes,
    };
    return {
      sample: part ?? null,
      rpo: found.lags.summary(),
      rto: { seconds, metrics, bytesFetched, bytesRestored },
      estimate: metrics === 0 ? null : estimate,
      differing: found.differing,
    };
  }
}

/** What the comparison of the trees has found besides figures. */
interface Found {
  readonly lags: Lags;
  readonly differing: readonly DifferingPoint[];
}

/** What befell the restore is what befell the drill; there a backup that is damaged is one of those that failed. */
function take(restored: Summary, tally: Tally): void {
  for (const name of ['restored', 'bytesFetched', 'bytesRestored', 'odd', 'damagedFiles'])
    tally.add(name, restored.counts[name] ?? 0);
  for (const { backup, ...named } of restored.failed) {
    // Neither one that was deleted since it was listed, nor one that is what was stored, is damage of the bucket.
    if (!backup || named.code === 'NOT_FOUND' || named.code === 'WHISPER_DAMAGED') tally.fail(named);
    else tally.damage({ ...named, ...backup });
  }
  // Those that were not named.
  tally.add('failed', (restored.counts['failed'] ?? 0) - restored.failed.length);
  for (const named of restored.skipped) tally.skip(named);
  for (const named of restored.notes) tally.note(named);
}

/** Sets each restored file against the live one. */
async function compareTrees(restored: string, began: Date, options: DrillOptions, tally: Tally): Promise<Found> {
  const { report, signal, prefix, processes = 4, bytesInFlight = 2 ** 28 } = options;
  const { flock = true, fileLockTimeout = 10 } = options;
  const budget = new ByteBudget(bytesInFlight);
  const lags = new Lags();
  const differing: DifferingPoint[] = [];
  const until = Math.floor(began.getTime() / 1000);
  const pool = new WorkerPool({
    threads: processes,
    onWarning: (warning) => report.log('warn', warning),
    ...(signal && { signal }),
  });
  const progress = { phase: 'Comparing', done: 0, found: tally.get('restored'), complete: true, bytes: 0 };
  try {
    const visits = pMapIterable(filesOf(restored, signal), visit, {
      concurrency: tasksAtOnce(processes),
      backpressure: tasksAtOnce(processes) + 8,
    });
    for await (const { metric, found } of visits) {
      settle(metric, found);
      progress.done++;
      report.progress({ ...progress, failed: tally.get('failed') + tally.get('damaged') + tally.get('differing') });
    }
  } finally {
    await pool.close();
  }
  signal?.throwIfAborted();
  return { lags, differing };

  async function visit({ metric, path, file, stat }: LocalFile): Promise<{ metric: string; found: Likeness }> {
    try {
      const live = `${prefix}/${path}.wsp`;
      const task = { live, restored: file, until, flock, fileLockTimeout };
      // Both are held, and mostly they have the same size.
      return { metric, found: await budget.run(2 * (stat?.size ?? 0), () => pool.run('likeness', task)) };
    } catch (error) {
      return { metric, found: { outcome: 'failed', code: codeOf(error), reason: reasonOf(error) } };
    }
  }

  function settle(metric: string, found: Likeness): void {
    if (found.outcome === 'compared') {
      if (found.lag !== undefined) lags.add(metric, found.lag);
      tally.add(found.differing === 0 ? 'same' : 'differing');
      tally.add('differingPoints', found.differing);
      for (const { step, timestamp, value, restored } of found.examples) {
        if (differing.length === NAMED_POINTS) break;
        differing.push({ metric, step, timestamp, live: plain(value), restored: plain(restored) });
      }
    } else if (found.outcome === 'failed') {
      // Where the file system has no locks every file would fail alike: stop, and say so once.
      if (found.code === 'NO_LOCKS') throw new WhisperBackupError(found.code, found.reason);
      tally.fail({ metric, code: found.code, reason: found.reason });
    } else if (found.code !== 'VANISHED') {
      // What is gone was named by the plan.
      tally.skip({ metric, code: found.code, reason: found.reason });
    }
  }
}

async function* filesOf(prefix: string, signal: AbortSignal | undefined): AsyncGenerator<LocalFile> {
  for await (const item of walk(prefix, { stat: true, ...(signal && { signal }) })) {
    if (signal?.aborted) return;
    // All there is was restored just now: there are no blind spots.
    if (item.kind === 'file') yield item;
    else throw item.error;
  }
}

function plain(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}
