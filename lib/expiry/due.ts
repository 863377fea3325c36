import type { StoredMetric } from '../bucket/metric.ts';
import { withDefaults } from '../common/defaults.ts';
import { InvalidOptionError } from '../common/errors.ts';
import type { PurgeRules } from '../common/options.ts';
import type { StoredObject } from '../store/store.ts';
import type { Presence } from '../tree/presence.ts';
import { ageOf, DAY } from './age.ts';
import { type Retention, retain } from './retention.ts';
import { type Absence, evaluateTombstones } from './tombstone.ts';

export type Rules = Required<Omit<PurgeRules, 'machine'>> & { readonly expire: boolean };

export interface Due {
  readonly retention: Retention;
  readonly absence: Absence;
  /** Incomplete backups older than a day, which are deleted. */
  readonly incomplete: readonly StoredObject[];
}

/** Determines what is due for one metric; changes nothing. */
export function dueOf(stored: StoredMetric, presence: Presence, rules: Rules, now: Date): Due {
  return {
    retention: rules.expire ? retain(stored.backups, rules, now) : { expired: [] },
    absence: evaluateTombstones(stored, presence, rules.purge, now),
    incomplete: stored.leftovers.filter((object) => ageOf({ time: object.modified, object }, now) > DAY),
  };
}

export function isDue(due: Due): boolean {
  const { retention, absence, incomplete } = due;
  return retention.expired.length + absence.invalid.length + incomplete.length > 0 || absence.isNew || absence.isDue;
}

/**
 * Applies the defaults of the rules, and checks them.
 *
 * @throws InvalidOptionError if a value is out of range.
 */
export function rulesOf(options: Omit<PurgeRules, 'machine'>, expire: boolean): Rules {
  const { retention, keepWithin, purge, purgeShare, force, adopt } = withDefaults(options);
  const rules = { retention, keepWithin, purge, purgeShare, force, adopt, expire };
  atLeast('retention', rules.retention, 1);
  atLeast('keepWithin', rules.keepWithin, 0);
  atLeast('purgeShare', rules.purgeShare, 0);
  if (rules.purge !== -1) atLeast('purge', rules.purge, 0, ', or -1 for never');
  return rules;
}

function atLeast(name: string, value: number, least: number, or = ''): void {
  if (value >= least && Number.isFinite(value)) return;
  throw new InvalidOptionError(`Cannot keep backups: '${name}' must be ${least} or more${or}: got ${value}`);
}
