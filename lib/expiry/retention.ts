import type { Backup } from '../bucket/metric.ts';
import { hasSameContent } from '../bucket/same-content.ts';
import type { PurgeRules } from '../common/options.ts';
import { ageOf, DAY } from './age.ts';
import type { Period } from './calendar.ts';

export type RetentionRules = Required<Pick<PurgeRules, 'retention' | 'keepWithin' | 'purge'>> & {
  /** The periods of the calendar rules. */
  readonly periods: readonly (readonly Period[])[];
};

export interface Retention {
  /** The rule that keeps each backup, the first if there are several: `retention`, `keep-monthly 2026-10`. */
  readonly kept: ReadonlyMap<Backup, string>;
  /** Backups to delete, oldest first. */
  readonly expired: readonly Backup[];
  /** A kept backup, more than twice as large as the newest: carbon probably recreated a lost file. */
  readonly shrunkFrom?: Backup;
}

/**
 * Chooses the backups that retention deletes: all but the newest `retention`, those within `keepWithin` days, the newest
 * before the end of each period, and the largest if the metric has shrunk. The newest is always kept. Adjacent backups
 * with the same content count as one, so that storing the same content again deletes nothing older; the first and the
 * last of them are kept.
 *
 * @param backups ascending by time.
 */
export function retain(backups: readonly Backup[], rules: RetentionRules, now: Date): Retention {
  const kept = new Map<Backup, string>();
  const newest = backups.at(-1);
  if (!newest) return { kept, expired: [] };
  const keep = (backup: Backup | undefined, rule: string) => {
    if (backup && !kept.has(backup)) kept.set(backup, rule);
  };
  for (const backup of keptByCount(backups, Math.max(1, rules.retention))) keep(backup, 'retention');
  const keepAfter = now.getTime() - rules.keepWithin * DAY;
  if (rules.keepWithin > 0)
    for (const backup of backups) if (backup.time.getTime() >= keepAfter) keep(backup, 'keep-within');
  for (const periods of rules.periods) keepPeriodEnds(backups, periods, keep);
  const shrunkFrom = largestBeforeLoss(backups, newest, rules.purge, now);
  if (shrunkFrom) {
    keep(shrunkFrom, 'shrunk');
    // Keep its successor too: it shows when the loss happened.
    keep(backups[backups.indexOf(shrunkFrom) + 1], 'shrunk');
  }
  const expired = backups.filter((backup) => !kept.has(backup));
  return { kept, expired, ...(shrunkFrom && { shrunkFrom }) };
}

/** Keeps the newest backup before the end of each period, also if it is older than the period. */
function keepPeriodEnds(
  backups: readonly Backup[],
  periods: readonly Period[],
  keep: (backup: Backup | undefined, rule: string) => void,
): void {
  let at = backups.length - 1;
  for (const { end, rule } of periods) {
    while (at >= 0 && (backups[at]?.time.getTime() ?? 0) >= end) at--;
    if (at < 0) return;
    keep(backups[at], rule);
  }
}

/** Returns the newest `count` backups, and the first and last of each of the newest `count` contents. */
function keptByCount(backups: readonly Backup[], count: number): Set<Backup> {
  const kept = new Set(backups.slice(-count));
  let contents = 0;
  for (let i = backups.length - 1; i >= 0; i--) {
    const [before, backup, after] = [backups[i - 1], backups[i], backups[i + 1]];
    if (!backup) break;
    const isLast = !after || !hasSameContent(backup, after);
    if (isLast && ++contents > count) break;
    if (isLast || !before || !hasSameContent(before, backup)) kept.add(backup);
  }
  return kept;
}

/**
 * Returns the largest backup that is more than twice as large as the newest. Considers only backups that were the
 * newest within the last `purge` days, that is whose successor is not older.
 */
function largestBeforeLoss(backups: readonly Backup[], newest: Backup, purge: number, now: Date): Backup | undefined {
  let largest: Backup | undefined;
  for (const [i, backup] of backups.entries()) {
    const successor = backups[i + 1];
    if (!successor || newest.object.size * 2 >= backup.object.size) continue;
    if (purge >= 0 && ageOf(successor, now) > purge * DAY) continue;
    if (!largest || backup.object.size >= largest.object.size) largest = backup;
  }
  return largest;
}
