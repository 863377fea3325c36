import type { Backup } from '../bucket/metric.ts';
import { hasSameContent } from '../bucket/same-content.ts';
import type { PurgeRules } from '../common/options.ts';
import { ageOf, DAY } from './age.ts';

export interface Retention {
  /** Backups to delete, oldest first. */
  readonly expired: readonly Backup[];
  /** A kept backup, more than twice as large as the newest: carbon probably recreated a lost file. */
  readonly shrunkFrom?: Backup;
}

/**
 * Chooses the backups that retention deletes: all but the newest `retention`, those within `keepWithin` days, and the
 * largest if the metric has shrunk. The newest is always kept. Adjacent backups with the same content count as one, so
 * that storing the same content again deletes nothing older; the first and the last of them are kept.
 *
 * @param backups ascending by time.
 */
export function retain(
  backups: readonly Backup[],
  rules: Required<Pick<PurgeRules, 'retention' | 'keepWithin' | 'purge'>>,
  now: Date,
): Retention {
  const newest = backups.at(-1);
  if (!newest) return { expired: [] };
  const keepAfter = rules.keepWithin > 0 ? now.getTime() - rules.keepWithin * DAY : Number.POSITIVE_INFINITY;
  const shrunkFrom = largestBeforeLoss(backups, newest, rules.purge, now);
  const kept = keptByCount(backups, Math.max(1, rules.retention));
  if (shrunkFrom) {
    kept.add(shrunkFrom);
    // Keep its successor too: it shows when the loss happened.
    const successor = backups[backups.indexOf(shrunkFrom) + 1];
    if (successor) kept.add(successor);
  }
  const expired = backups.filter((backup) => !kept.has(backup) && backup.time.getTime() < keepAfter);
  return { expired, ...(shrunkFrom && { shrunkFrom }) };
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
