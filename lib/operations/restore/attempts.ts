import { type Backup, backupsBefore, hasJournal, isReplacedDate, type StoredMetric } from '../../bucket/metric.ts';
import type { Damaged, Named } from '../../common/summary.ts';
import type { JournalLines } from '../../journal/points.ts';
import type { NewSchema } from '../../whisper/reshape.ts';
import type { JournaledMetric } from './journal-source.ts';
import type { RestoreOptions } from './restore.ts';

/** The name and the path under which a metric is restored. */
export interface Target {
  readonly metric: string;
  readonly path: string;
}

/** The backup to restore a metric from, and the older ones to which it may fall back. */
export interface Attempt {
  readonly stored: StoredMetric;
  readonly target: Target;
  /** @default that of the backup */
  readonly schema?: NewSchema;
  readonly backup: Backup;
  /** Ascending by time. */
  readonly older: readonly Backup[];
  /** The lines of all runs that one of these backups needs. */
  readonly journal: readonly JournalLines[];
}

/** Chooses the newest backup before a date; undefined if there is none. */
export function firstAttempt(
  { stored, journal }: JournaledMetric,
  target: Target,
  date: Date | undefined,
  fallback: boolean,
): Attempt | undefined {
  const older = backupsBefore(stored, date);
  const backup = older.pop();
  return backup && { stored, target, backup, older: fallback ? older : [], journal };
}

export function nextAttempt(attempt: Attempt): Attempt | undefined {
  const { older } = attempt;
  const backup = older.at(-1);
  return backup && { ...attempt, backup, older: older.slice(0, -1) };
}

/** Returns the backup that `--fallback` would use instead. */
export function insteadOf({ stored, backup }: Attempt, date: Date | undefined): Damaged['instead'] {
  const older = backupsBefore(stored, date);
  const key = older[older.indexOf(backup) - 1]?.object.key;
  return key === undefined ? null : { key, read: false };
}

/**
 * Returns whether the metric was missing at the date: it has a tombstone that is newer than all backups before the
 * date.
 */
export function isGone(stored: StoredMetric, date: Date | undefined): boolean {
  const newest = backupsBefore(stored, date).at(-1)?.time.getTime() ?? 0;
  return stored.tombstones.some(({ time }) => time.getTime() > newest && (!date || time < date));
}

/**
 * Returns whether a restore visits a metric: not if the bucket has only what another restore has replaced, at another
 * date. The undo of a window visits only the metrics that the restore of the window may have changed.
 */
export function isVisited(stored: StoredMetric, { date, window }: Pick<RestoreOptions, 'date' | 'window'>): boolean {
  const newest = backupsBefore(stored, date).at(-1);
  if (window && date && isReplacedDate(date)) return newest?.kind === 'replaced';
  return newest !== undefined || stored.backups.length > 0 || stored.replaced.length === 0;
}

/** Returns whether a metric has a backup to restore. */
export function willRestore(
  stored: StoredMetric,
  { date, skipGone }: { readonly date?: Date | undefined; readonly skipGone: boolean },
): boolean {
  return backupsBefore(stored, date).length > 0 && !(skipGone && isGone(stored, date));
}

/** Returns the name of the metric, and its new one if that is another. */
export function namesOf({ stored: { metric }, target }: Attempt): Pick<Named, 'metric' | 'target'> {
  return target.metric === metric ? { metric } : { metric, target: target.metric };
}

/** Returns the lines that the backup of an attempt does not have yet. */
export function journalOf({ backup, journal }: Attempt): readonly JournalLines[] {
  if (!hasJournal(backup)) return [];
  const seconds = backup.time.getTime() / 1000;
  return journal.filter(({ until }) => until >= seconds);
}
