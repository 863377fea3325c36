import { type Backup, backupsBefore, type StoredMetric } from '../../bucket/metric.ts';
import type { Damaged } from '../../common/summary.ts';

/** The backup that a metric is restored from, and the older ones that it may fall back to. */
export interface Attempt {
  readonly stored: StoredMetric;
  readonly backup: Backup;
  /** Ascending by time. */
  readonly older: readonly Backup[];
}

/** Chooses the newest backup before a date; undefined when there is none. */
export function firstAttempt(stored: StoredMetric, date: Date | undefined, fallback: boolean): Attempt | undefined {
  const older = backupsBefore(stored, date);
  const backup = older.pop();
  return backup && { stored, backup, older: fallback ? older : [] };
}

/** Chooses the next older backup; undefined when there is none. */
export function nextAttempt({ stored, older }: Attempt): Attempt | undefined {
  const backup = older.at(-1);
  return backup && { stored, backup, older: older.slice(0, -1) };
}

/** What `--fallback` would take instead. */
export function insteadOf({ stored, backup }: Attempt, date: Date | undefined): Damaged['instead'] {
  const older = backupsBefore(stored, date);
  const key = older[older.indexOf(backup) - 1]?.object.key;
  return key === undefined ? null : { key, read: false };
}

/** Whether a tombstone shows that the metric was gone at the date, and no backup that it came back. */
export function isGone(stored: StoredMetric, date: Date | undefined): boolean {
  const newest = backupsBefore(stored, date).at(-1)?.time.getTime() ?? 0;
  return stored.tombstones.some(({ time }) => time.getTime() > newest && (!date || time < date));
}
