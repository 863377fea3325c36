import type { PlaceOptions } from '../../common/options.ts';
import type { JournalLines } from '../../journal/points.ts';
import { JournalReader } from '../../journal/reader.ts';
import { type DamagedJournal, journalRuns, partsWith } from '../../journal/runs.ts';
import type { ObjectStore } from '../../store/store.ts';
import { journalEvents } from '../shared/journal-events.ts';

interface LinesOptions extends PlaceOptions {
  /** Time of the backup: the lines of earlier runs are in it. */
  readonly since: Date;
  /** Leave out runs that only have later points. @default none */
  readonly date?: Date;
  readonly signal: AbortSignal;
}

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
  const runs = await journalRuns(store, place, { ...events, since, ...(date && { date }) });
  const narrow = runs.map((run) => ({ ...run, parts: partsWith(run, order) }));
  return new JournalReader(store, narrow, { ...events, onOrphans() {} }).linesOf(order, since);
}
