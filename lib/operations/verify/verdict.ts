import { findMetric } from '../../bucket/catalog.ts';
import type { Backup, StoredMetric } from '../../bucket/metric.ts';
import type { DamageCode } from '../../common/codes.ts';
import type { ErrorCode } from '../../common/errors.ts';
import type { PlaceOptions } from '../../common/options.ts';
import type { Damaged } from '../../common/summary.ts';
import type { ObjectStore } from '../../store/store.ts';
import type { Remark } from '../../whisper/remark.ts';
import { type Flaw, flawOf, listedFlaws } from './flaw.ts';
import type { Reading } from './reading.ts';

/** What is to be said of one metric's backups. */
export interface Verdict {
  /** The backups that were looked at. */
  readonly backups: readonly Backup[];
  readonly damaged: readonly { readonly flaw: Flaw; readonly instead: Damaged['instead'] }[];
  /** Deleted while they were looked at. */
  readonly vanished: readonly Backup[];
  /** What was odd or damaged about the files of sound backups. */
  readonly remarks: readonly { readonly key: string; readonly remark: Remark }[];
  /** Why some could not be read. */
  readonly failures: readonly { readonly code: ErrorCode; readonly reason: string }[];
  /** Objects of backups that may yet become whole. */
  readonly unfinished: number;
}

export interface VerdictContext {
  readonly store: ObjectStore;
  readonly place: PlaceOptions;
  readonly now: Date;
  /** Whether a backup is of the time that the run is about. */
  readonly isOfTime: (backup: { readonly time: Date }) => boolean;
  /** Reads a backup; undefined when the content of this metric is not to be read. */
  readonly read: ((backup: Backup) => Promise<Reading>) | undefined;
  readonly signal: AbortSignal;
}

/** Whether a backup is good: `unread` as far as the listing tells. */
type Standing =
  | Reading
  | { readonly outcome: 'unread' }
  | { readonly outcome: 'damaged'; readonly code: DamageCode; readonly reason: string };

/**
 * Judges one metric's backups, newest first.
 *
 * @throws StoreError; the signal's reason.
 */
export async function verdictOn(stored: StoredMetric, context: VerdictContext): Promise<Verdict> {
  const { isOfTime, now, place, read } = context;
  const listed = listedFlaws(stored, place, now);
  const flaws = await seenAgain(stored, listed.flaws.filter(isOfTime), context);
  const standings = new Map<Backup, Standing>();
  for (const flaw of listed.flaws) {
    if (flaw.backup) standings.set(flaw.backup, { outcome: 'damaged', code: flaw.code, reason: flaw.reason });
  }
  const standingOf = async (backup: Backup): Promise<Standing> => {
    const standing = standings.get(backup) ?? (await read?.(backup)) ?? { outcome: 'unread' };
    standings.set(backup, standing);
    return standing;
  };
  const backups = stored.backups.filter(isOfTime);
  const vanished: Backup[] = [];
  const remarks: { key: string; remark: Remark }[] = [];
  const failures: { code: ErrorCode; reason: string }[] = [];
  for (const backup of backups.toReversed()) {
    if (standings.has(backup)) continue;
    const standing = await standingOf(backup);
    if (standing.outcome === 'damaged') flaws.push(flawOf(backup, standing.code, standing.reason));
    if (standing.outcome === 'sound' && standing.remark) {
      remarks.push({ key: backup.object.key, remark: standing.remark });
    }
    if (standing.outcome === 'failed') failures.push(standing);
    if (standing.outcome === 'vanished') vanished.push(backup);
  }
  const damaged: { flaw: Flaw; instead: Damaged['instead'] }[] = [];
  for (const flaw of flaws) damaged.push({ flaw, instead: await insteadOf(flaw, stored.backups, standingOf) });
  return { backups, damaged, vanished, remarks, failures, unfinished: listed.unfinished.length };
}

/** Runs beside this one write and delete pairs object by object: only what a second look shows too is damage. */
async function seenAgain(stored: StoredMetric, flaws: readonly Flaw[], context: VerdictContext): Promise<Flaw[]> {
  if (flaws.length === 0) return [];
  const { now, place, signal, store } = context;
  const again = await findMetric(store, place, stored.path, signal);
  const keys = new Set(again ? listedFlaws(again, place, now).flaws.map(({ key }) => key) : []);
  return flaws.filter(({ key }) => keys.has(key));
}

/** What a restore to the time of a flaw can use: the next older backup that is not known to be damaged. */
async function insteadOf(
  flaw: Flaw,
  backups: readonly Backup[],
  standingOf: (backup: Backup) => Promise<Standing>,
): Promise<Damaged['instead']> {
  for (const backup of backups.toReversed()) {
    if (backup === flaw.backup || backup.time > flaw.time) continue;
    const standing = await standingOf(backup);
    const { outcome } = standing;
    if (outcome === 'damaged' || outcome === 'vanished') continue;
    if (outcome === 'sound' && standing.remark?.code === 'DAMAGED_FILE') continue;
    return { key: backup.object.key, read: outcome === 'sound' };
  }
  return null;
}
