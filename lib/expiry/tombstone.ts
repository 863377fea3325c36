import type { StoredMetric, Tombstone } from '../bucket/metric.ts';
import type { Presence } from '../tree/presence.ts';
import { ageOf, DAY } from './age.ts';

export interface Absence {
  /** The oldest valid tombstone without a longer gap after it; since then the metric is missing. */
  readonly since?: Tombstone;
  /** The newest valid tombstone; then it was last marked as missing. */
  readonly last?: Tombstone;
  /** Invalid tombstones: the file exists again, or was backed up later. */
  readonly invalid: readonly Tombstone[];
  /** The metric is missing and has no valid tombstone, so it needs one. */
  readonly isNew: boolean;
  /** The metric is missing, and was last marked more than a week ago. */
  readonly isStale: boolean;
  readonly isDue: boolean;
}

/** How often a host that must not delete marks a metric that stays missing, in days. */
const REMARK_AFTER = 7;

/**
 * After this many days without a mark a metric was not missing all the time. More than a week, since a host may miss backups, or
 * make one a week.
 */
const MAX_GAP = 15;

/**
 * Evaluates the tombstones of a metric.
 *
 * @param presence of the local file; with `unknown` nothing is due and nothing new is marked.
 * @param purge days after the tombstone until the backups are deleted; 0 is at once, -1 never.
 */
export function evaluateTombstones(stored: StoredMetric, presence: Presence, purge: number, now: Date): Absence {
  const newest = stored.backups.at(-1)?.time.getTime() ?? Number.NEGATIVE_INFINITY;
  const holding = stored.tombstones.filter((tombstone) => tombstone.time.getTime() > newest);
  if (presence === 'present') return { invalid: stored.tombstones, isNew: false, isStale: false, isDue: false };
  const invalid = stored.tombstones.filter((tombstone) => !holding.includes(tombstone));
  const [since, last] = [holding.findLast((one, i) => isAfterGap(one, holding[i - 1])), holding.at(-1)];
  const missing = presence === 'missing';
  const isDue = missing && (purge === 0 || (purge > 0 && since !== undefined && ageOf(since, now) > purge * DAY));
  const isNew = missing && !isDue && since === undefined && stored.backups.length > 0;
  const isStale = missing && last !== undefined && ageOf(last, now) > REMARK_AFTER * DAY;
  return { ...(since && { since }), ...(last && { last }), invalid, isNew, isStale, isDue };
}

function isAfterGap({ time }: Tombstone, before: Tombstone | undefined): boolean {
  return before === undefined || time.getTime() - before.time.getTime() > MAX_GAP * DAY;
}

/**
 * Returns whether a metric was marked as missing again when its oldest tombstone was due. Without the tree, the last mark is
 * all that is known: the file may have come back since, but be unreadable, so that no backup made the tombstones invalid.
 */
export function isConfirmed({ since, last }: Absence, purge: number): boolean {
  return since !== undefined && last !== undefined && last.time.getTime() - since.time.getTime() >= purge * DAY;
}

/**
 * Returns whether the metric has a tombstone that is newer than all its backups. If its file exists, it is then backed
 * up even if unchanged: a newer backup makes the tombstone invalid, even if this run cannot delete it.
 */
export function isMarkedGone(stored: StoredMetric, now: Date): boolean {
  const newest = stored.backups.at(-1)?.time.getTime() ?? Number.NEGATIVE_INFINITY;
  return stored.tombstones.some(({ time }) => time.getTime() > newest && time <= now);
}
