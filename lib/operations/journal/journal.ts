import { resolve } from 'node:path';
import { journalKey, rootOf } from '../../bucket/layout.ts';
import { claim } from '../../bucket/owner.ts';
import { VanishedGuard, type VanishedOptions } from '../../bucket/vanished.ts';
import { WhisperBackupError } from '../../common/errors.ts';
import type { Machine, PlaceOptions, SelectOptions, TreeOptions } from '../../common/options.ts';
import { batched } from '../../common/pages.ts';
import type { Summary } from '../../common/summary.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import { createCompressor } from '../../compress/engine.ts';
import { compressorOptions, type FormatOptions } from '../../compress/format.ts';
import { encodeIndex, INDEX_NAME } from '../../journal/index-file.ts';
import { marksFormat } from '../../journal/marks.ts';
import { PartWriter } from '../../journal/part-writer.ts';
import { StatCache } from '../../statcache/stat-cache.ts';
import type { ObjectStore } from '../../store/store.ts';
import { checkPrefix } from '../../tree/presence.ts';
import type { LoadOptions } from '../../workers/pool.ts';
import { Uploads } from '../backup/uploads.ts';
import { expireRuns } from '../shared/journal-expiry.ts';
import { hintForTree, selectionText } from '../shared/nothing-hint.ts';
import { checkNoOverlap } from '../shared/overlap.ts';
import { type OperationOptions, Run } from '../shared/run.ts';
import { StoredRuns } from '../shared/stored-runs.ts';
import { survey } from '../shared/survey.ts';
import { Visits } from '../shared/visits.ts';
import { FileJournaler } from './file-journaler.ts';
import { hasBackup } from './has-backup.ts';
import type { NeededRuns } from './needed-runs.ts';

export interface JournalOptions
  extends OperationOptions,
    SelectOptions,
    PlaceOptions,
    TreeOptions,
    LoadOptions,
    FormatOptions,
    VanishedOptions {
  readonly machine: Machine;
  /** Accept a bucket of another machine, host name or prefix. @default false */
  readonly adopt?: boolean;
  /** The file that keeps how far the journal has read each file. @default each run starts an hour before the newest backups */
  readonly marks?: { readonly file: string };
  /**
   * Whether the run covers only a part of what this host journals, so that it cannot know which runs the rest needs.
   *
   * @default whether `metrics` or `exclude` leaves any metric out
   */
  readonly partial?: boolean;
  /** Days after which a run is deleted. @default 8 */
  readonly journalKeep?: number;
}

/** How many files a thread gets at once, unless their lines may have too many bytes. */
const BATCH_FILES = 128;

/**
 * Stores the points that were written since the last run as a new run of the journal, and files without a backup whole.
 * A run exists once its index is stored, which is last; the marks are kept after that. If nothing was written, no run
 * is stored. Then deletes old runs.
 *
 * @throws GuardError if the bucket belongs to another machine or tree, or has vanished.
 * @throws StoreError if the bucket cannot be used, or a part of the run cannot be stored.
 * @throws WhisperBackupError `NO_BACKUP` if the bucket has no backup, `JOURNAL_AHEAD`, `TREE_MISSING`, `NO_LOCKS`
 */
export async function journal(store: ObjectStore, given: JournalOptions): Promise<Summary> {
  const run = new Run('journal', store, given);
  const { options } = run;
  const { exclude, metrics, prefix, signal } = options;
  return run.summarize(async () => {
    const format = compressorOptions(options);
    await createCompressor(format);
    await checkPrefix(prefix);
    await checkNoOverlap(store, prefix);
    await openBucket(run);
    const root = rootOf(options);
    const runs = await StoredRuns.list(store, options);
    const until = runs.timeOfNext(run.began);
    const { partial = metrics !== '*' || exclude.length > 0 } = options;
    const marks = await StatCache.open(options.marks, {
      ...options,
      format: marksFormat(prefix, root === '' ? store.name : `${store.name} ${root}`),
      isPartial: partial,
    });
    const uploads = new Uploads(store, { ...options, layout: 'native', includeDamaged: false, format });
    let stored: Summary['journal'];
    let needed: NeededRuns;
    try {
      const journaler = new FileJournaler(run, uploads, marks, { until, runs });
      const writer = new PartWriter(async (number, lines) => {
        const part = await uploads.pool.run('storePart', { root, until, number, lines, format }, [lines]);
        run.add('bytesStored', part.size);
        return part;
      });
      const { concurrency } = uploads;
      const visits = new Visits(run, { phase: 'Journaling', bytes: 'bytesStored', concurrency, maxWaiting: 2 });
      const pages = survey(store, options, { ...run.events, stat: true });
      const found = visits.untilStopped(
        journaler.lookUp(pages),
        (page) => page.filter(({ kind }) => kind !== 'blind').length,
      );
      const weight = options.bytesInFlight / (2 * concurrency);
      const batches = batched(found, (item) => journaler.weightOf(item), { items: BATCH_FILES, weight });
      for await (const visited of visits.each(batches, (batch) => journaler.visit(batch))) {
        await journaler.keep(visited, writer);
        visits.advance(visited.length);
      }
      run.throwIfStopped();
      const parts = await writer.finish();
      // Whole parts must survive a power failure that an index survives.
      await store.flush({ signal });
      if (parts.length > 0) {
        const from = formatTimestamp(new Date(journaler.oldest * 1000));
        const previous = runs.newest && { previous: formatTimestamp(runs.newest) };
        const index = encodeIndex({
          from,
          until: formatTimestamp(until),
          ...previous,
          ...(partial ? { partial } : { needed: formatSpans(journaler.needed) }),
          parts,
        });
        run.throwIfStopped();
        await store.put(journalKey(root, until, INDEX_NAME), index, { signal });
        await store.flush({ signal });
        run.add('bytesStored', index.length);
        stored = { from, until: formatTimestamp(until), parts: parts.length };
      }
      await marks.keep();
      needed = journaler.needed;
    } finally {
      await uploads.close();
      await marks.close();
    }
    if (run.get('metrics') === 0)
      run.stop(
        'NOTHING_MATCHED',
        `Nothing to journal: ${prefix} has no Whisper file${selectionText(options)}${await hintForTree(prefix, options)}`,
      );
    if (!partial) await expireRuns(runs, run, async () => needed);
    return stored && { journal: stored };
  });
}

/** For a prune elsewhere, which knows no marks. */
function formatSpans({ spans }: NeededRuns) {
  return spans.map(([from, until]) => [formatTimestamp(from), formatTimestamp(until)] as const);
}

/**
 * Opens the bucket, which must have a backup.
 *
 * @throws GuardError if it has vanished, or belongs to another machine or tree.
 * @throws WhisperBackupError `NO_BACKUP`
 */
async function openBucket(run: Run<JournalOptions>): Promise<void> {
  const { began, options, store } = run;
  const { prefix, adopt, signal } = options;
  const vanished = new VanishedGuard(store, options);
  await vanished.load();
  await store.open({ create: false, onMissing: vanished.onMissing, signal });
  const isEmpty = !(await hasBackup(store, options));
  const refuseEmpty = () => {
    if (isEmpty)
      throw new WhisperBackupError(
        'NO_BACKUP',
        `Cannot journal to ${store.name}: it has no backup, and a journal continues backups: run backup first`,
      );
  };
  const onUnmarked = () => {
    vanished.onUnmarked();
    refuseEmpty();
  };
  await claim(store, { ...options, prefix: resolve(prefix), adopt, complete: true, onUnmarked, now: began });
  refuseEmpty();
  run.begin();
  await vanished.remember(options.dryRun);
}
