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

/** The state of one metric's backups. */
export interface Verdict {
  /** The backups that were checked. */
  readonly backups: readonly Backup[];
  readonly damaged: readonly { readonly flaw: Flaw; readonly instead: Damaged['instead'] }[];
  /** Backups that were deleted meanwhile. */
  readonly vanished: readonly Backup[];
  /** Sound backups of odd or damaged files. */
  readonly remarks: readonly { readonly key: string; readonly remark: Remark }[];
  /** Why some could not be read. */
  readonly failures: readonly { readonly code: ErrorCode; readonly reason: string }[];
  /** Objects of backups that may still become whole. */
  readonly unfinished: number;
}

interface VerdictContext {
  readonly store: ObjectStore;
  readonly place: PlaceOptions;
  readonly now: Date;
  /** Whether a backup is in the date range. */
  readonly isOfTime: (backup: { readonly time: Date }) => boolean;
  /** Reads a backup; undefined: do not read the content of this metric. */
  readonly read: ((backup: Backup) => Promise<Reading>) | undefined;
  readonly signal: AbortSignal;
}

/** The state of a backup. `unread`: the listing shows no flaw. */
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

/** Lists a second time: simultaneous runs write and delete the objects of a pair one by one. */
async function seenAgain(stored: StoredMetric, flaws: readonly Flaw[], context: VerdictContext): Promise<Flaw[]> {
  if (flaws.length === 0) return [];
  const { now, place, signal, store } = context;
  const again = await findMetric(store, place, stored.path, signal);
  const keys = new Set(again ? listedFlaws(again, place, now).flaws.map(({ key }) => key) : []);
  return flaws.filter(({ key }) => keys.has(key));
}

/** What a restore to the date of a flaw can use: the next older backup that is not known to be damaged. */
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
