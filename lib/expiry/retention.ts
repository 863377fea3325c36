import type { Backup } from '../bucket/metric.ts';
import type { PurgeRules } from '../options.ts';

export const DAY = 86_400_000;

/** What retention says of one metric's backups. */
export interface Retention {
  /** Those that may go, oldest first. */
  readonly retired: readonly Backup[];
  /** The largest, when the newest is less than half of it: a lost file that carbon recreated almost empty. It stays. */
  readonly shrunkFrom?: Backup;
}

/**
 * Chooses the backups that retention lets go of: all but the newest `retention`, those within `keepWithin` days, and
 * the largest while the metric has shrunk. The newest always stays.
 *
 * @param backups ascending by time.
 */
export function retain(
  backups: readonly Backup[],
  rules: Required<Pick<PurgeRules, 'retention' | 'keepWithin' | 'purge'>>,
  now: Date,
): Retention {
  const newest = backups.at(-1);
  if (!newest) return { retired: [] };
  const keepAfter = rules.keepWithin > 0 ? now.getTime() - rules.keepWithin * DAY : Number.POSITIVE_INFINITY;
  const largest = backups.reduce((a, b) => (b.object.size >= a.object.size ? b : a));
  const expired = rules.purge >= 0 && now.getTime() - largest.time.getTime() > rules.purge * DAY;
  const shrunk = newest.object.size * 2 < largest.object.size && !expired;
  const retired = backups
    .slice(0, Math.max(0, backups.length - Math.max(1, rules.retention)))
    .filter((backup) => backup.time.getTime() < keepAfter && !(shrunk && backup === largest));
  return { retired, ...(shrunk && { shrunkFrom: largest }) };
}
