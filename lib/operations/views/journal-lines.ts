import pMap from 'p-map';
import type { PlaceOptions } from '../../common/options.ts';
import type { JournalLines } from '../../journal/points.ts';
import { JournalReader } from '../../journal/reader.ts';
import { type DamagedJournal, type JournalRun, journalRuns, partsWith } from '../../journal/runs.ts';
import type { ObjectStore } from '../../store/store.ts';
import { journalEvents } from '../shared/journal-events.ts';

interface LinesOptions extends PlaceOptions {
  /** Time of the backup: the lines of earlier runs are in it. */
  readonly since: Date;
  /** Leave out runs that only have later points. @default none */
  readonly date?: Date;
  readonly signal: AbortSignal;
}

/** How many parts are in memory at once. */
const CONCURRENCY = 8;

/**
 * Reads the journal's lines of one metric, in the order of the runs.
 *
 * @param onDamaged called with each index or part that is left out.
 * @throws StoreError if the bucket cannot be read.
 */
export async function journalLinesOf(
  store: ObjectStore,
  order: string,
  { since, date, signal, ...place }: LinesOptions,
  onDamaged: (damaged: DamagedJournal) => void,
): Promise<readonly JournalLines[]> {
  const events = journalEvents(signal, onDamaged);
  const read = async (run: JournalRun) => {
    const narrow = { ...run, parts: partsWith(run, order) };
    return new JournalReader(store, [narrow], { ...events, onOrphans() {} }).linesOf(order, since);
  };
  const runs = await journalRuns(store, place, { ...events, since, ...(date && { date }) });
  return (await pMap(runs, read, { concurrency: CONCURRENCY })).flat();
}
