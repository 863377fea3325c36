import { catalog } from '../../bucket/catalog.ts';
import type { StoredMetric } from '../../bucket/metric.ts';
import { selector } from '../../common/glob.ts';
import type { PlaceOptions, SelectOptions, TreeOptions } from '../../common/options.ts';
import { batched } from '../../common/pages.ts';
import type { Summary } from '../../common/summary.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import type { ObjectStore } from '../../store/store.ts';
import { FileSystems } from '../../system/filesystems.ts';
import { type Owner, placeDirectory, refusal } from '../../tree/place.ts';
import type { LoadOptions } from '../../workers/pool.ts';
import { checkPrefixAccess } from '../../workers/tasks/dry-run-checks.ts';
import { checkApart } from '../shared/apart.ts';
import { stopForNothing } from '../shared/nothing-hint.ts';
import { isInPart, type Part } from '../shared/part.ts';
import { type OperationOptions, Run } from '../shared/run.ts';
import { Visits } from '../shared/visits.ts';
import { MetricRestorer } from './metric-restorer.ts';
import { Publisher } from './publisher.ts';

export interface RestoreOptions extends OperationOptions, SelectOptions, PlaceOptions, TreeOptions, LoadOptions {
  /** Take the newest backup strictly before this. @default the newest of all */
  readonly date?: Date;
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

/** How much a thread is given at once. */
const BATCH = { items: 64, weight: 2 ** 22 };

/**
 * Restores metrics: each to the state of its newest backup before a date. A local file is never lost: it is backfilled,
 * or replaced when that was asked for. A backup that is not whole changes nothing.
 *
 * @throws StoreError when the bucket cannot be used at all; WhisperBackupError `NO_LOCKS`; the signal's reason. Errors of
 *   single metrics are in the summary.
 */
export async function restore(store: ObjectStore, given: RestoreOptions): Promise<Summary> {
  const run = new Run('restore', store, given);
  const { bytesInFlight, date, dryRun, prefix, signal } = run.options;
  return run.summarize(async () => {
    const publisher = new Publisher(run);
    const written = new FileSystems();
    try {
      await checkApart(store, prefix);
      publisher.start();
      await store.open({ create: false, signal });
      run.begin();
      // Opened before anything is written, or syncfs(2) would not report every error.
      if (dryRun) checkTree(prefix);
      else await addTree(written, run.options);
      const restorer = new MetricRestorer(run, publisher, written);
      const visits = new Visits(run, { phase: 'Restoring', bytes: 'bytesFetched', atOnce: publisher.concurrency });
      const found = visits.untilStopped(selectedPages(run), (page) => page.length);
      const batches = batched(found, weightOf, { ...BATCH, weight: Math.min(BATCH.weight, bytesInFlight / 2) });
      try {
        for await (const metrics of visits.each(batches, (batch) => restorer.visit(batch))) visits.advance(metrics);
      } finally {
        // What was restored is to last, even if the store has ended the run early.
        await restorer.finish();
      }
    } finally {
      await publisher.close();
      await written.close();
    }
    run.throwIfStopped();
    await stopForNothing(run, 'restore', date ? `backup before ${formatTimestamp(date)}` : 'backup');
  });
}

/** The metrics of the bucket that the run is about. */
async function* selectedPages({ events, options, store }: Run<RestoreOptions>): AsyncGenerator<StoredMetric[]> {
  const isSelected = selector(options);
  const { part } = options;
  for await (const page of catalog(store, options, events))
    yield page.filter(({ metric }) => isSelected(metric) && (!part || isInPart(metric, part)));
}

/** About the size of the file that the newest backup becomes; many small ones make a batch. */
function weightOf({ backups }: StoredMetric): number {
  return Math.max(2 ** 17, 4 * (backups.at(-1)?.object.size ?? 0));
}

/** In a dry run: checks that the prefix can be opened or created. */
function checkTree(prefix: string): void {
  try {
    checkPrefixAccess(prefix);
  } catch (error) {
    throw refusal(error, `make ${prefix}`);
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
    throw refusal(error, `make ${prefix}`);
  }
}
