import { type Calendar, endsOf } from './calendar.ts';
import { type BackupItem, type Expected, type HoldItem, type Item, keyOf, type ReplacedItem } from './expected.ts';

/*
 * The expected behaviour of a run, derived from the promises alone: nothing here comes from lib.
 */

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export interface RunRules extends Calendar {
  /** Absent for a purge, which leaves retention alone. */
  readonly retention?: number;
  readonly keepWithin: number;
  readonly purge: number;
  readonly purgeShare: number;
  readonly force: boolean;
  /** Only metrics below this directory; all, if absent. */
  readonly only?: string;
}

export function covers({ only }: Pick<RunRules, 'only'>, path: string): boolean {
  return only === undefined || path.startsWith(`${only}/`);
}

/** The backups that a run should add, by key; their size is not known yet. */
export function uploadsOf(expected: Expected, rules: Pick<RunRules, 'only'>): Map<string, BackupItem> {
  const due = new Map<string, BackupItem>();
  for (const [path, content] of expected.locals) {
    const newest = expected.backupsOf(path).at(-1);
    // A file that is back voids its tombstone by a backup, even if it is the same as before.
    const isMarked = expected.tombstonesOf(path).some(({ time }) => time > (newest?.time ?? 0) && time <= expected.now);
    const isSame = newest?.content.sha1 === content.sha1 && !isMarked;
    if (!covers(rules, path) || content.isDamaged || isSame) continue;
    const time = Math.max(seconds(expected.now), newest ? newest.time + 1000 : 0);
    const item: BackupItem = { kind: 'backup', path, time, content, size: 0, modified: expected.storeTime };
    due.set(keyOf(item), item);
  }
  return due;
}

/** What a run should delete and mark. */
export interface Verdict {
  /** Why purge is stopped, if it is. */
  readonly stop: string | undefined;
  readonly deletes: ReadonlySet<string>;
  readonly tombstones: ReadonlyMap<string, Item>;
  /** Metrics that go whole. */
  readonly purged: number;
  /** Backups that retention lets go of. */
  readonly retired: number;
}

/**
 * Evaluates the bucket after all uploads.
 *
 * @param known the metrics of which it held something when the run began.
 * @param knowsStoreTime false in a dry run.
 */
export function verdictOn(
  expected: Expected,
  rules: RunRules,
  known: ReadonlySet<string>,
  knowsStoreTime = true,
): Verdict {
  const { now } = expected;
  const paths = expected.stored().filter((path) => covers(rules, path));
  const fates = new Map(paths.map((path) => [path, fateOf(expected, path, rules)]));

  const judged = paths.filter((path) => known.has(path));
  // A purge leaves retention at its default.
  const old = judged.filter((path) => {
    const backups = expected.backupsOf(path);
    return now - (backups[0]?.time ?? now) > 7 * DAY || backups.length >= (rules.retention ?? 5);
  });
  const isTooMany = (is: (fate: Fate) => boolean) =>
    [judged, old].some((some) => {
      const metrics = some.filter((path) => expected.backupsOf(path).length > 0).length;
      return (
        some.filter((path) => is(fates.get(path) ?? NONE)).length > Math.max(20, (metrics * rules.purgeShare) / 100)
      );
    });
  const isAhead = judged.some((path) => (expected.backupsOf(path).at(-1)?.time ?? 0) > now + HOUR);
  const stops = [
    expected.locals.size === 0 && 'TREE_EMPTY',
    isTooMany(({ isNew, goneFor }) => isNew || goneFor <= 7 * DAY) && 'TOO_MANY_GONE',
    isTooMany(({ isDue }) => isDue) && 'TOO_MANY_DUE',
    knowsStoreTime && Math.abs(expected.skew) > HOUR / 12 && 'CLOCK_OFF',
    isAhead && 'BACKUP_AHEAD',
  ];
  const stop = rules.force ? undefined : stops.find((code) => typeof code === 'string');
  // By a clock that is ahead, young backups would look old.
  const isFast = knowsStoreTime && expected.skew > HOUR / 12;
  const mayRetire = rules.retention !== undefined && (rules.force || !(isAhead || isFast));

  const deletes = new Set<string>();
  const tombstones = new Map<string, Item>();
  const counts = { purged: 0, retired: 0 };
  for (const [path, { isDue, isNew, voided }] of fates) {
    const held = heldOf(expected, path);
    if (isDue && !stop) {
      counts.purged++;
      const kept = new Set([...held].flatMap(keysOf));
      for (const [key, item] of expected.bucket) {
        // The absence still counts from its tombstone when the hold is released.
        const stays = held.size > 0 && (item.kind === 'tombstone' || kept.has(key));
        if (item.path === path && !stays) deletes.add(key);
      }
      continue;
    }
    const expired = mayRetire ? retiredOf(expected.backupsOf(path), rules, now) : [];
    // Only holds keep what restores have replaced, but the newest may be of a hold that the run has not seen.
    const replaced = mayRetire ? expected.replacedOf(path).filter((item) => now - ageSince(item) > DAY) : [];
    const retired = [...expired, ...replaced].filter((item) => !held.has(item));
    counts.retired += retired.length;
    for (const item of retired) for (const key of keysOf(item)) deletes.add(key);
    // Even if the purge was stopped: a tombstone must not outlive the absence.
    for (const item of voided) deletes.add(keyOf(item));
    if (stop) continue;
    // Data of incomplete backups stays for a day.
    for (const item of expected.leftoversOf(path)) if (now - (item.pairSince ?? 0) > DAY) deletes.add(keyOf(item));
    if (!isNew) continue;
    const time = Math.max(seconds(now), (expected.backupsOf(path).at(-1)?.time ?? 0) + 1000);
    const item: Item = { kind: 'tombstone', path, time, modified: expected.storeTime };
    tombstones.set(keyOf(item), item);
  }
  return { stop: stop || undefined, deletes, tombstones, ...counts };
}

/**
 * All but the newest, those within the days to keep, what the calendar rules keep, and the largest of a metric that has
 * shrunk.
 */
export function retiredOf(backups: readonly BackupItem[], rules: RunRules, now: number): BackupItem[] {
  const newest = backups.at(-1);
  if (!newest) return [];
  const { retention = 1, keepWithin, purge } = rules;
  const isFresh = (time: number, days: number) => now - time <= days * DAY;
  // How long ago each was overtaken by the next.
  const lost = backups.filter((item, i) => {
    const next = backups[i + 1];
    return next && item.size > newest.size * 2 && (purge < 0 || isFresh(Math.max(next.time, next.modified), purge));
  });
  const largestSize = Math.max(...lost.map(({ size }) => size));
  const largest = lost.findLast(({ size }) => size === largestSize);
  const lossSince = largest && backups[backups.indexOf(largest) + 1];
  // Which of the states that follow one another each is, counted from the newest.
  const state = backups.map((_, i) => {
    const later = backups.slice(i);
    return later.filter(({ content }, j) => j > 0 && content.sha1 !== later[j - 1]?.content.sha1).length;
  });
  const atEnds = endsOf(rules, now).map((end) => backups.findLast(({ time }) => time < end));
  return backups.filter((item, i) => {
    const isAmongNewest = backups.length - i <= retention;
    const isEndOfState = state[i] !== state[i - 1] || state[i] !== state[i + 1];
    const isOfNewState = (state[i] ?? 0) < retention && isEndOfState;
    const isWithin = keepWithin > 0 && isFresh(item.time, keepWithin);
    const isKept = isAmongNewest || isOfNewState || isWithin || atEnds.includes(item);
    return !isKept && item !== largest && item !== lossSince;
  });
}

interface Fate {
  /** Its backups are to go. */
  readonly isDue: boolean;
  /** It is seen missing for the first time. */
  readonly isNew: boolean;
  /** Tombstones that mean nothing any more. */
  readonly voided: readonly Item[];
  /** Since when it is marked; infinity, if it is not. */
  readonly goneFor: number;
}

const NONE: Fate = { isDue: false, isNew: false, voided: [], goneFor: Number.POSITIVE_INFINITY };

function fateOf(expected: Expected, path: string, { purge }: RunRules): Fate {
  const backups = expected.backupsOf(path);
  const tombstones = expected.tombstonesOf(path);
  if (expected.locals.has(path)) return { ...NONE, voided: tombstones };
  const lastSeen = backups.at(-1)?.time ?? Number.NEGATIVE_INFINITY;
  const [mark] = tombstones.filter(({ time }) => time > lastSeen);
  const voided = tombstones.filter(({ time }) => time <= lastSeen);
  const goneFor = mark ? expected.now - Math.max(mark.time, mark.modified) : Number.POSITIVE_INFINITY;
  const isOver = purge === 0 || (purge > 0 && mark !== undefined && goneFor > purge * DAY);
  // Once only what is held is left, there is nothing to do.
  const held = heldOf(expected, path);
  const data = backups.length + expected.replacedOf(path).length;
  const isDue = isOver && (held.size === 0 || held.size < data || expected.leftoversOf(path).length > 0);
  return { isDue, isNew: !isOver && !mark && backups.length > 0, voided, goneFor };
}

/** What holds keep of a metric. */
export function heldBy(
  holds: Iterable<HoldItem>,
  now: number,
  path: string,
  expected: Expected,
): Set<BackupItem | ReplacedItem> {
  const held = [...holds].map(({ date, only, until }) => {
    const covered = until > now && (only === undefined || path.startsWith(`${only}/`));
    return covered ? newestBefore(expected, path, date) : undefined;
  });
  return new Set(held.filter((item) => item !== undefined));
}

export function heldOf(expected: Expected, path: string): Set<BackupItem | ReplacedItem> {
  return heldBy(expected.holds.values(), expected.now, path, expected);
}

/** The newest backup before a date; or what was replaced a millisecond before it. */
export function newestBefore(
  expected: Expected,
  path: string,
  date: number | undefined,
): BackupItem | ReplacedItem | undefined {
  const replaced = expected.replacedOf(path).find(({ time }) => time + 1 === date);
  return replaced ?? expected.backupsOf(path).findLast(({ time }) => date === undefined || time < date);
}

/** What a restore should bring back, by path. */
export function restoredBy(
  expected: Expected,
  { date, skipGone, ...rules }: { readonly date?: number; readonly skipGone: boolean; readonly only?: string },
): Map<string, BackupItem | ReplacedItem> {
  const found = new Map<string, BackupItem | ReplacedItem>();
  const isBefore = ({ time }: Item) => date === undefined || time < date;
  for (const path of expected.stored()) {
    const newest = newestBefore(expected, path, date);
    if (!newest || !covers(rules, path)) continue;
    const isGone = expected.tombstonesOf(path).some((mark) => isBefore(mark) && mark.time > newest.time);
    if (!skipGone || !isGone) found.set(path, newest);
  }
  return found;
}

/** The keys of a backup: a pair has two. */
function keysOf(item: BackupItem | ReplacedItem): string[] {
  const { path, time } = item;
  return [
    keyOf(item),
    ...(item.kind === 'replaced' || item.pairSince === undefined ? [] : [keyOf({ kind: 'sha1', path, time })]),
  ];
}

/** A backup is as young as the younger of its name and its object. */
function ageSince({ time, modified }: ReplacedItem): number {
  return Math.max(time, modified);
}

function seconds(time: number): number {
  return Math.floor(time / 1000) * 1000;
}
