import { catalog } from '../../bucket/catalog.ts';
import type { StoredMetric } from '../../bucket/metric.ts';
import type { SchemaOf } from '../../carbon/new-schemas.ts';
import { InvalidOptionError } from '../../common/errors.ts';
import type { Machine, PlaceOptions, SelectOptions, TreeOptions } from '../../common/options.ts';
import { batched } from '../../common/pages.ts';
import type { Summary } from '../../common/summary.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import type { ObjectStore } from '../../store/store.ts';
import { FileSystems } from '../../system/filesystems.ts';
import { explainSystemError, type Owner, placeDirectory } from '../../tree/place.ts';
import type { LoadOptions } from '../../workers/pool.ts';
import { checkPrefixAccess } from '../../workers/tasks/dry-run-checks.ts';
import { stopIfNothingMatched } from '../shared/nothing-hint.ts';
import { checkNoOverlap } from '../shared/overlap.ts';
import { isInPart, type Part } from '../shared/part.ts';
import { findCollision } from '../shared/rename-collisions.ts';
import { type OperationOptions, Run } from '../shared/run.ts';
import { Visits } from '../shared/visits.ts';
import { isVisited, willRestore } from './attempts.ts';
import { bytesOf, type JournaledMetric, JournalSource } from './journal-source.ts';
import { MetricRestorer } from './metric-restorer.ts';
import { Outcomes, type RestoreWatcher } from './outcomes.ts';
import { Publisher } from './publisher.ts';
import { ReplacedFiles } from './replaced-files.ts';
import { checkWindowOptions, type WindowOptions } from './restored-window.ts';
import { type RenameOptions, Targets } from './targets.ts';

export interface RestoreOptions
  extends OperationOptions,
    SelectOptions,
    PlaceOptions,
    TreeOptions,
    LoadOptions,
    RenameOptions {
  /** Restore the newest backup strictly before this time. @default the newest */
  readonly date?: Date;
  /** Restore backups of damaged files unchanged. @default false */
  readonly includeDamaged?: boolean;
  /** Fall back to an older backup if one is damaged. @default false */
  readonly fallback?: boolean;
  /** Replace local files instead of backfilling them. Their state before is stored first, under a hold. @default false */
  readonly overwrite?: boolean;
  /** Restore only the points of a window, into existing files. Their state before is stored first, under a hold. */
  readonly window?: WindowOptions;
  /** This machine: the state before is stored only in its own bucket. @default not stored */
  readonly machine?: Machine;
  /** Move damaged local files aside and restore them. @default false */
  readonly replaceDamaged?: boolean;
  /** Apply the points of the journal, up to the date. @default true */
  readonly journal?: boolean;
  /** Skip metrics that were missing at the date. @default false */
  readonly skipGone?: boolean;
  /** Restore only this part of the metrics. @default all */
  readonly part?: Part;
  /**
   * Returns the schema for the file of a metric. Local files with another one are replaced, and stored first.
   *
   * @default that of the local file, else of the backup
   */
  readonly schemaOf?: SchemaOf;
  /** Minimum time between the publication of a file and its recheck. @default 500 */
  readonly recheckAfterMs?: number;
  /** Owner of created files and directories. @default the owner of the nearest existing directory */
  readonly owner?: Owner;
  /** Gets the outcome of each metric. @default none, and changed points are not counted */
  readonly watcher?: RestoreWatcher;
  /** Returns the command line of a restore with other options, for this tree and bucket. @default without either */
  readonly commandWith?: (options: readonly string[]) => string;
}

export interface RestoreSummary extends Summary {
  /** How many metrics were not restored, by code; absent if all were. */
  readonly notRestored?: Readonly<Record<string, number>>;
}

/** A thread gets a few large backups or dozens of small ones at once. */
const BATCH = { items: 64, weight: 2 ** 22 };

/**
 * Restores metrics from their newest backups before a date, and the journal up to it. Backfills existing local files, or replaces them with
 * `overwrite`. A damaged backup changes nothing. Errors of single metrics are in the summary.
 *
 * @throws StoreError if the bucket cannot be used.
 * @throws InvalidOptionError if the names or options contradict each other.
 * @throws WhisperBackupError `NO_LOCKS`; `RENAME_COLLISION` if two metrics get one name, and they are not to be merged.
 */
export async function restore(store: ObjectStore, given: RestoreOptions): Promise<RestoreSummary> {
  const run = new Run('restore', store, given);
  const { bytesInFlight, date, dryRun, merge, overwrite, prefix, schemaOf, signal, watcher, window } = run.options;
  const targets = new Targets(run.options);
  if (merge && overwrite)
    throw new InvalidOptionError('Cannot restore: --overwrite would replace what --merge has filled: use one of them');
  checkWindowOptions(run.options);
  return run.summarize(async () => {
    const publisher = new Publisher(run);
    const outcomes = new Outcomes(watcher);
    const replaced = new ReplacedFiles(run, targets, outcomes);
    let hold: string | undefined;
    const written = new FileSystems();
    try {
      await checkNoOverlap(store, prefix);
      publisher.start();
      await store.open({ create: false, signal });
      run.begin();
      const isRestored = (stored: StoredMetric) => willRestore(stored, run.options);
      const collision = merge
        ? undefined
        : await findCollision(store, targets.renaming, { ...run.options, isRestored, mayMerge: !window });
      if (collision) throw collision;
      // Open the file system before writing: otherwise syncfs(2) would not report all errors.
      if (dryRun) checkTree(prefix);
      else await addTree(written, run.options);
      if (overwrite || schemaOf || window) hold = await replaced.store();
      const journal = await JournalSource.open(run);
      const restorer = new MetricRestorer(run, publisher, written, journal, (stored) => targets.of(stored), outcomes);
      const visits = new Visits(run, { phase: 'Restoring', bytes: 'bytesFetched', concurrency: publisher.concurrency });
      const limits = { ...BATCH, weight: Math.min(BATCH.weight, bytesInFlight / 2) };
      try {
        for (const pass of targets.passes()) {
          const found = visits.untilStopped(
            selectedPages(run, journal, { targets, replaced, pass }),
            (page) => page.length,
          );
          const batches = batched(found, weightOf, limits);
          for await (const metrics of visits.each(batches, (batch) => restorer.visit(batch))) visits.advance(metrics);
          const again = batched(restorer.again(), weightOf, limits);
          for await (const _ of visits.each(again, (batch) => restorer.restoreBackups(batch))) visits.advance(0);
        }
      } finally {
        // Restored files must be durable, even if an error of the store ended the run.
        await restorer.finish();
      }
    } finally {
      await publisher.close();
      await written.close();
    }
    run.throwIfStopped();
    targets.reportUnused(run.options.report);
    replaced.stopIfRefused();
    await stopIfNothingMatched(run, 'restore', date ? `backup before ${formatTimestamp(date)}` : 'backup');
    const { notRestored } = outcomes;
    return { ...(hold !== undefined && { hold }), ...(notRestored && { notRestored }) };
  });
}

async function* selectedPages(
  run: Run<RestoreOptions>,
  journal: JournalSource,
  { targets, replaced, pass }: { readonly targets: Targets; readonly replaced: ReplacedFiles; readonly pass: number },
): AsyncGenerator<JournaledMetric[]> {
  const { events, options, store } = run;
  const { part, signal } = options;
  const isTaken = (stored: StoredMetric) => {
    const { metric } = stored;
    if (!targets.isIn(pass, metric) || (part && !isInPart(metric, part))) return false;
    return replaced.mayReplace(metric) && isVisited(stored, options);
  };
  for await (const page of catalog(store, options, pass === 0 ? events : { onDisorder() {}, signal }))
    yield* journal.add(page, isTaken);
  journal.finish();
}

/**
 * Estimates the uncompressed size of the newest backup. Counts small ones as more, which limits their number in a
 * batch, and lines of the journal, of which each thread has a copy and the points.
 */
function weightOf({ stored: { backups }, journal }: JournaledMetric): number {
  return Math.max(2 ** 17, 4 * (backups.at(-1)?.object.size ?? 0)) + 4 * bytesOf(journal);
}

/** In a dry run: checks that the prefix can be opened or created. */
function checkTree(prefix: string): void {
  try {
    checkPrefixAccess(prefix);
  } catch (error) {
    throw explainSystemError(error, `make ${prefix}`);
  }
}

/** Creates the prefix if it is missing, and keeps its file system open. */
async function addTree(
  written: FileSystems,
  { prefix, owner }: Pick<RestoreOptions, 'prefix' | 'owner'>,
): Promise<void> {
  try {
    const directory = placeDirectory(prefix, '', { ...(owner && { owner }) });
    try {
      await written.add(directory.at('.'));
    } finally {
      directory.close();
    }
  } catch (error) {
    throw explainSystemError(error, `make ${prefix}`);
  }
}
