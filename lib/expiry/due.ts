import type { Backup, StoredMetric } from '../bucket/metric.ts';
import { isEmpty, removalOf } from '../bucket/removal.ts';
import { withDefaults } from '../common/defaults.ts';
import { InvalidOptionError } from '../common/errors.ts';
import type { PurgeRules } from '../common/options.ts';
import type { StoredObject } from '../store/store.ts';
import type { Presence } from '../tree/presence.ts';
import { ageOf, DAY } from './age.ts';
import type { Holds } from './holds.ts';
import { retentionFinder } from './policies.ts';
import { type Retention, type RetentionRules, retain } from './retention.ts';
import { type Absence, evaluateTombstones } from './tombstone.ts';

export interface Rules extends Required<Pick<PurgeRules, 'purge' | 'purgeShare' | 'force' | 'adopt'>> {
  readonly retentionOf: (metric: string) => RetentionRules;
  readonly expire: boolean;
}

export interface Due {
  /** The backups that a hold keeps, and its name. Neither retention nor purge deletes them. */
  readonly held: ReadonlyMap<Backup, string>;
  readonly retention: Retention;
  readonly absence: Absence;
  /** Incomplete backups older than a day, which are deleted. */
  readonly incomplete: readonly StoredObject[];
}

/** Determines what is due for one metric; changes nothing. */
export function dueOf(stored: StoredMetric, presence: Presence, rules: Rules, now: Date, holds: Holds): Due {
  const held = holds.of(stored);
  const retention = rules.expire
    ? withReplaced(retain(stored.backups, rules.retentionOf(stored.metric), now), stored, now)
    : { kept: new Map(), expired: [] };
  const absence = evaluateTombstones(stored, presence, rules.purge, now);
  return {
    held,
    retention: held.size > 0 ? { ...retention, expired: retention.expired.filter((one) => !held.has(one)) } : retention,
    // What is left of a purged metric is not due again each night.
    absence: held.size > 0 && isEmpty(removalOf(stored, held)) ? { ...absence, isDue: false } : absence,
    incomplete: stored.leftovers.filter((object) => ageOf({ time: object.modified, object }, now) > DAY),
  };
}

/**
 * Adds the files that restores have replaced: only holds keep them. A hold may have been written after the holds were read,
 * so young ones stay.
 */
function withReplaced(retention: Retention, { replaced }: StoredMetric, now: Date): Retention {
  if (replaced.length === 0) return retention;
  const [kept, expired] = [new Map(retention.kept), [...retention.expired]];
  for (const one of replaced)
    if (ageOf(one, now) > DAY) expired.push(one);
    else kept.set(one, 'younger than a day');
  return { ...retention, kept, expired };
}

/** Returns how many backups only a hold keeps. */
export function countHeld({ held, retention, absence }: Due): number {
  return [...held.keys()].filter((backup) => absence.isDue || !retention.kept.has(backup)).length;
}

export function isDue(due: Due): boolean {
  const { retention, absence, incomplete } = due;
  const { invalid, isNew, isStale, isDue } = absence;
  return retention.expired.length + invalid.length + incomplete.length > 0 || isNew || isStale || isDue;
}

/**
 * Applies the defaults of the rules, and checks them.
 *
 * @param now start of the run; the calendar rules count back from it.
 * @throws InvalidOptionError if a value is out of range.
 */
export function rulesOf(options: Omit<PurgeRules, 'machine'>, expire: boolean, now: Date): Rules {
  const { purge, purgeShare, force, adopt } = withDefaults(options);
  const retentionOf = retentionFinder(options, now);
  atLeast('purgeShare', purgeShare, 0);
  if (purge !== -1) atLeast('purge', purge, 0, ', or -1 for never');
  return { retentionOf, purge, purgeShare, force, adopt, expire };
}

function atLeast(name: string, value: number, least: number, or = ''): void {
  if (value >= least && Number.isFinite(value)) return;
  throw new InvalidOptionError(`Cannot keep backups: '${name}' must be ${least} or more${or}: got ${value}`);
}
