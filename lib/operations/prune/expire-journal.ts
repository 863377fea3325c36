import { formatTimestamp } from '../../common/timestamp.ts';
import { isContradictory } from '../../expiry/both-clocks.ts';
import { readRun } from '../../journal/runs.ts';
import { journalEvents } from '../shared/journal-events.ts';
import type { Run } from '../shared/run.ts';
import { type Needed, StoredRuns } from '../shared/stored-runs.ts';
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
  await runs.expire(run, async () => {
    const needed = await readNeeded(run, runs);
    if (needed) return { has: (time) => doubtful.has(time.getTime()) || needed.has(time) };
    const why = 'no run of all metrics says which ones the newest backups need';
    options.report.log('warn', `No old journal runs were deleted: ${why}. The next run of the journal does.`);
    return undefined;
  });
}

/** @returns undefined if no usable run says it, or one of an older release is newer. */
async function readNeeded({ options, store }: Run<PruneOptions>, runs: StoredRuns): Promise<Needed | undefined> {
  const events = journalEvents(options.signal, () => {});
  const usable = runs.indexes.filter((index) => !isContradictory(index));
  for (const { object, time: until } of usable.slice(0, MAX_INDEXES)) {
    const index = await readRun(store, options, { key: object.key, until }, events);
    if (!index || index.isPartial) continue;
    const { needed } = index;
    // It does not know of later runs.
    return needed && { has: (time) => time >= until || needed.some(([from, to]) => from <= time && time <= to) };
  }
  return undefined;
}
