import type { Backup, StoredMetric } from '../bucket/metric.ts';
import type { StoredObject } from '../store/store.ts';
import type { Presence } from '../tree/presence.ts';
import { DAY } from './age.ts';
import { type Due, dueOf, type Rules } from './due.ts';
import type { Holds } from './holds.ts';
import { type Absence, isConfirmed } from './tombstone.ts';

/**
 * Determines what is due for one metric in a bucket whose names a compromised host may have forged: only what is due by the
 * names and by the times at which the store wrote the objects. So no false date lets a backup go that its true date keeps.
 *
 * @param rules as for {@link dueOf}; without a tree only its tombstones say that a metric is missing.
 * @param isAhead whether a backup is dated ahead: such a backup stays, and the rules do not count it by its name.
 */
export function dueByBothClocks(
  stored: StoredMetric,
  rules: Rules,
  now: Date,
  holds: Holds,
  isAhead: (backup: Backup) => boolean,
): Due {
  const ahead = stored.backups.filter(isAhead);
  const believed = ahead.length > 0 ? { ...stored, backups: stored.backups.filter((one) => !isAhead(one)) } : stored;
  const named = dueOf(believed, presenceOf(believed), rules, now, holds);
  const { metric, originals } = byStoreTime(stored);
  const written = dueOf(metric, presenceOf(metric), rules, now, holds);
  const goes = new Set(written.retention.expired.map((copy) => originals.get(copy) ?? copy));
  const held = new Map(named.held);
  for (const [copy, hold] of written.held) {
    const backup = originals.get(copy);
    if (backup && !held.has(backup)) held.set(backup, hold);
  }
  const kept = new Map(named.retention.kept);
  for (const backup of ahead) kept.set(backup, 'dated ahead');
  for (const [copy, rule] of written.retention.kept) {
    const backup = originals.get(copy);
    if (backup && !kept.has(backup)) kept.set(backup, `${rule} (by the time of the store)`);
  }
  const isPurgeable = (absence: Absence) => absence.isDue && isConfirmed(absence, rules.purge);
  const invalid = named.absence.invalid.filter(({ object }) =>
    written.absence.invalid.some((other) => other.object.key === object.key),
  );
  return {
    ...named,
    held,
    retention: { ...named.retention, kept, expired: named.retention.expired.filter((backup) => goes.has(backup)) },
    absence: { ...named.absence, invalid, isDue: [named, written].every(({ absence }) => isPurgeable(absence)) },
  };
}

type Dated = Pick<Backup, 'time' | 'object'>;

/** How far ahead of the clock a name may be dated. */
const AHEAD = 3_600_000;

/** An object with a false date. */
export interface Contradiction {
  readonly object: StoredObject;
  readonly reason: string;
}

/** Returns the first object of a metric that is {@link isContradictory} or dated over an hour ahead; undefined if none is. */
export function findContradiction({ backups, tombstones }: StoredMetric, now: Date): Contradiction | undefined {
  const found = [...backups, ...tombstones].find((item) => isContradictory(item) || isAhead(item, now));
  return found && contradictionOf(found);
}

/** Describes the false date of an object. */
export function contradictionOf(item: Dated): Contradiction {
  const { key, modified } = item.object;
  const why = isContradictory(item)
    ? `was written at ${modified.toISOString()}, which contradicts its name`
    : "is dated over an hour ahead of this host's clock";
  return { object: item.object, reason: `${key} ${why}` };
}

/** Returns whether an object is named over an hour after now, or over a day after its time in the store. */
export function isAhead({ time, object }: Dated, now: Date): boolean {
  return time.getTime() > Math.min(now.getTime() + AHEAD, object.modified.getTime() + DAY);
}

/** Returns whether the name of an object and its time in the store differ by more than a day. */
export function isContradictory({ time, object }: Dated): boolean {
  return Math.abs(time.getTime() - object.modified.getTime()) > DAY;
}

/** Returns the metric as if each object were named by the time at which the store wrote it. */
function byStoreTime(stored: StoredMetric) {
  const originals = new Map<Backup, Backup>();
  const backups = stored.backups.map((backup) => {
    const copy = { ...backup, time: backup.object.modified };
    originals.set(copy, backup);
    return copy;
  });
  const ascending = (a: { readonly time: Date }, b: { readonly time: Date }) => a.time.getTime() - b.time.getTime();
  const tombstones = stored.tombstones.map((tombstone) => ({ ...tombstone, time: tombstone.object.modified }));
  const metric = { ...stored, backups: backups.sort(ascending), tombstones: tombstones.sort(ascending) };
  return { metric, originals };
}

function presenceOf({ backups, tombstones }: StoredMetric): Presence {
  const newest = backups.at(-1)?.time.getTime() ?? Number.NEGATIVE_INFINITY;
  return tombstones.some(({ time }) => time.getTime() > newest) ? 'missing' : 'unknown';
}
