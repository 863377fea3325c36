import type { Backup } from '../bucket/metric.ts';
import { hasSameContent } from '../bucket/same-content.ts';
import type { PurgeRules } from '../common/options.ts';
import { ageOf, DAY } from './age.ts';

/** What retention says of one metric's backups. */
export interface Retention {
  /** Those that may go, oldest first. */
  readonly retired: readonly Backup[];
  /** The largest, when the newest is less than half of it: a lost file that carbon recreated almost empty. It stays. */
  readonly shrunkFrom?: Backup;
}

/**
 * Chooses the backups that retention lets go of: all but the newest `retention`, those within `keepWithin` days, and
 * the largest while the metric has shrunk. The newest always stays. Neighbours with the same content count as one, so
 * that content which was stored again retires nothing older; of them the first and the last stay.
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
  const shrunkFrom = largestBeforeLoss(backups, newest, rules.purge, now);
  const kept = keptByCount(backups, Math.max(1, rules.retention));
  if (shrunkFrom) {
    kept.add(shrunkFrom);
    // Its successor stays as well: it shows how long ago the loss was.
    const successor = backups[backups.indexOf(shrunkFrom) + 1];
    if (successor) kept.add(successor);
  }
  const retired = backups.filter((backup) => !kept.has(backup) && backup.time.getTime() < keepAfter);
  return { retired, ...(shrunkFrom && { shrunkFrom }) };
}

/** The newest `count` backups, and the first and last of each of the newest `count` contents. */
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
 * The largest backup that the newest is less than half of, among those whose successor was stored within `purge` days:
 * until then it was the newest, however old it is.
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
