import { formatTimestamp } from '../../../lib/common/timestamp.ts';
import type { MetricOutcome } from '../../../lib/operations/restore/outcomes.ts';
import type { RestoreSummary } from '../../../lib/operations/restore/restore.ts';

/** What a report names besides the summary. */
export interface ReportedRun {
  readonly program: string;
  readonly host: string;
  /** The date given with `--date`; null for the newest backups. */
  readonly date: string | null;
  readonly ended: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly totals: Totals;
}

/** A form of the report on a restore. Its methods return the text to write next. */
export interface ReportForm {
  /** See `RestoreWatcher`. */
  readonly plotAbove: number;
  start(): string;
  add(outcomes: readonly MetricOutcome[]): string;
  end(run: ReportedRun, summary: RestoreSummary): string;
}

/** How many metrics had each outcome. */
export type Totals = Readonly<Record<MetricOutcome['outcome'], number>>;

/** @param seen how many outcomes of each kind there were. */
export function totalsOf({ counts }: RestoreSummary, seen: Totals): Totals {
  // What another process has undone was seen twice, and is failed in the end.
  const { restored = 0, replaced = 0, backfilled = 0, unchanged = 0 } = counts;
  return { ...seen, created: restored - replaced, replaced, filled: backfilled, unchanged };
}

/** The newest point that the journal added, as in a key. */
export function journalUntil(newest: number): string {
  return formatTimestamp(new Date(newest * 1000));
}
