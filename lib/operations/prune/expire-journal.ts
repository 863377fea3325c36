import { formatTimestamp } from '../../common/timestamp.ts';
import { ageOf, DAY } from '../../expiry/age.ts';
import { isContradictory } from '../../expiry/both-clocks.ts';
import { readRun } from '../../journal/runs.ts';
import { journalEvents } from '../shared/journal-events.ts';
import { expireRuns, type Needed } from '../shared/journal-expiry.ts';
import type { Run } from '../shared/run.ts';
import { StoredRuns } from '../shared/stored-runs.ts';
import type { PruneOptions } from './prune-bucket.ts';
import { reportContradiction } from './report-contradiction.ts';

/** How many indexes are read at most to find one that says which runs are needed. */
const MAX_INDEXES = 100;

/**
 * Deletes old runs of the journal by the rules of a journal that may delete, and reports those whose dates contradict each
 * other. The newest run says which ones the newest backups need.
 */
export async function expireJournal(run: Run<PruneOptions>): Promise<void> {
  const { options, store } = run;
  const runs = await StoredRuns.list(store, options);
  const doubtful = options.force ? new Map<number, never>() : runs.contradictions;
  for (const [time, contradiction] of doubtful)
    reportContradiction(run, `the journal run ${formatTimestamp(new Date(time))}`, contradiction);
  await expireRuns(runs, run, async () => {
    const needed = await readNeeded(run, runs);
    if (needed) return { has: (time) => doubtful.has(time.getTime()) || needed.has(time) };
    const why = 'no run of all metrics says which ones the newest backups need';
    options.report.log('warn', `No old journal runs were deleted: ${why}. The next run of the journal does.`);
    return undefined;
  });
}

/**
 * Reads which runs are needed, from the newest run and from the newest that is older than a day: whoever takes over the host
 * can forge the first. A run is needed if either says so.
 *
 * @returns undefined if no usable run says it, or one of an older release is newer.
 */
async function readNeeded(run: Run<PruneOptions>, runs: StoredRuns): Promise<Needed | undefined> {
  const usable = runs.indexes.filter((index) => !isContradictory(index));
  const newest = await readNewest(run, usable);
  const older = await readNewest(
    run,
    usable.filter((index) => ageOf(index, run.began) > DAY),
  );
  return newest && older && { has: (time) => newest.has(time) || older.has(time) };
}

async function readNewest(
  { options, store }: Run<PruneOptions>,
  indexes: StoredRuns['indexes'],
): Promise<Needed | undefined> {
  const events = journalEvents(options.signal, () => {});
  for (const { object, time: until } of indexes.slice(0, MAX_INDEXES)) {
    const index = await readRun(store, options, { key: object.key, until }, events);
    if (!index || index.isPartial) continue;
    const { needed } = index;
    return needed && { has: (time) => time >= until || needed.some(([from, to]) => from <= time && time <= to) };
  }
  return undefined;
}
