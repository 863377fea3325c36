import type { StoredMetric } from '../bucket/metric.ts';
import type { PurgeRules } from '../common/options.ts';
import type { StoredObject } from '../store/store.ts';
import type { Presence } from '../tree/walk.ts';
import { ageOf, DAY } from './age.ts';
import { type Retention, retain } from './retention.ts';
import { type Passing, passing } from './tombstone.ts';

/** The rules with every default filled in. */
export type Rules = Required<Omit<PurgeRules, 'machine'>> & { readonly retire: boolean };

/** What retention and purge owe one metric. */
export interface Due {
  readonly retention: Retention;
  readonly passing: Passing;
  /** Data that never became a backup, a day old or more. */
  readonly swept: readonly StoredObject[];
}

/** Judges one metric; changes nothing. */
export function dueOf(stored: StoredMetric, presence: Presence, rules: Rules, now: Date): Due {
  return {
    retention: rules.retire ? retain(stored.backups, rules, now) : { retired: [] },
    passing: passing(stored, presence, rules.purge, now),
    swept: stored.leftovers.filter((object) => ageOf({ time: object.modified, object }, now) > DAY),
  };
}

/** Whether there is anything to delete or write. */
export function isDue(due: Due): boolean {
  const { retention, passing, swept } = due;
  return retention.retired.length + passing.voided.length + swept.length > 0 || passing.isNew || passing.isDue;
}
