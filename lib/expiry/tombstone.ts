import type { StoredMetric, Tombstone } from '../bucket/metric.ts';
import type { Presence } from '../tree/walk.ts';
import { ageOf, DAY } from './age.ts';

/** What the tombstones of one metric mean now. */
export interface Passing {
  /** The oldest that holds: since when the metric is gone. */
  readonly since?: Tombstone;
  /** Those that hold no more: the file is back, or was backed up since. */
  readonly voided: readonly Tombstone[];
  /** The metric is missing and has no tombstone that holds: it gets one now. */
  readonly isNew: boolean;
  /** Its backups are due to go. */
  readonly isDue: boolean;
}

/**
 * Judges a metric by its tombstones.
 *
 * @param presence of the local file: `unknown` changes nothing either way.
 * @param purge days from the tombstone to the end; 0 at once, -1 never.
 */
export function passing(stored: StoredMetric, presence: Presence, purge: number, now: Date): Passing {
  const newest = stored.backups.at(-1)?.time.getTime() ?? Number.NEGATIVE_INFINITY;
  const holding = stored.tombstones.filter((tombstone) => tombstone.time.getTime() > newest);
  if (presence === 'present') return { voided: stored.tombstones, isNew: false, isDue: false };
  const voided = stored.tombstones.filter((tombstone) => !holding.includes(tombstone));
  const since = holding[0];
  const missing = presence === 'missing';
  const isDue = missing && (purge === 0 || (purge > 0 && since !== undefined && ageOf(since, now) > purge * DAY));
  const isNew = missing && !isDue && since === undefined && stored.backups.length > 0;
  return { ...(since && { since }), voided, isNew, isDue };
}

/**
 * Whether a tombstone stands that no backup has voided yet. If the file is there, it is stored anew although it has not
 * changed: a newer backup voids the tombstone even if this host may not delete, or the run ends before it does.
 */
export function isMarkedGone(stored: StoredMetric, now: Date): boolean {
  const newest = stored.backups.at(-1)?.time.getTime() ?? Number.NEGATIVE_INFINITY;
  return stored.tombstones.some(({ time }) => time.getTime() > newest && time <= now);
}
