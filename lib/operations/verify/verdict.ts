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

export interface Verdict {
  readonly backups: readonly Backup[];
  readonly damaged: readonly { readonly flaw: Flaw; readonly instead: Damaged['instead'] }[];
  readonly vanished: readonly Backup[];
  /** Sound backups of odd or damaged files. */
  readonly remarks: readonly { readonly key: string; readonly remark: Remark }[];
  readonly failures: readonly { readonly code: ErrorCode; readonly reason: string }[];
  /** Objects of backups that may still be completed. */
  readonly unfinished: number;
  /** How many backups were read. */
  readonly read: number;
}

interface VerdictContext {
  readonly store: ObjectStore;
  readonly place: PlaceOptions;
  readonly now: Date;
  readonly isInRange: (backup: { readonly time: Date }) => boolean;
  /** Reads a backup; undefined to check only the listing. */
  readonly read: ((backup: Backup) => Promise<Reading>) | undefined;
  readonly signal: AbortSignal;
}

/** `unread`: the listing shows no flaw. */
type State =
  | Reading
  | { readonly outcome: 'unread' }
  | { readonly outcome: 'damaged'; readonly code: DamageCode; readonly reason: string };

/**
 * Checks the backups of one metric, the newest first.
 *
 * @throws StoreError
 */
export async function verdictOn(stored: StoredMetric, context: VerdictContext): Promise<Verdict> {
  const { isInRange, now, place, read } = context;
  const listed = listedFlaws(stored, place, now);
  const flaws = await confirmFlaws(stored, listed.flaws.filter(isInRange), context);
  const states = new Map<Backup, State>();
  for (const flaw of listed.flaws) {
    if (flaw.backup) states.set(flaw.backup, { outcome: 'damaged', code: flaw.code, reason: flaw.reason });
  }
  let reads = 0;
  const stateOf = async (backup: Backup): Promise<State> => {
    let state = states.get(backup);
    if (!state && read) reads++;
    state ??= (await read?.(backup)) ?? { outcome: 'unread' };
    states.set(backup, state);
    return state;
  };
  const backups = [...stored.backups, ...stored.replaced].filter(isInRange);
  const vanished: Backup[] = [];
  const remarks: { key: string; remark: Remark }[] = [];
  const failures: { code: ErrorCode; reason: string }[] = [];
  for (const backup of backups.toReversed()) {
    if (states.has(backup)) continue;
    const state = await stateOf(backup);
    if (state.outcome === 'damaged') flaws.push(flawOf(backup, state.code, state.reason));
    if (state.outcome === 'sound' && state.remark) {
      remarks.push({ key: backup.object.key, remark: state.remark });
    }
    if (state.outcome === 'failed') failures.push(state);
    if (state.outcome === 'vanished') vanished.push(backup);
  }
  const damaged: { flaw: Flaw; instead: Damaged['instead'] }[] = [];
  for (const flaw of flaws) damaged.push({ flaw, instead: await insteadOf(flaw, stored.backups, stateOf) });
  return { backups, damaged, vanished, remarks, failures, unfinished: listed.unfinished.length, read: reads };
}

/** Keeps only flaws that a second listing shows too: another run may be writing or deleting the objects of a pair. */
async function confirmFlaws(stored: StoredMetric, flaws: readonly Flaw[], context: VerdictContext): Promise<Flaw[]> {
  if (flaws.length === 0) return [];
  const { now, place, signal, store } = context;
  const again = await findMetric(store, place, stored.path, signal);
  const keys = new Set(again ? listedFlaws(again, place, now).flaws.map(({ key }) => key) : []);
  return flaws.filter(({ key }) => keys.has(key));
}

/**
 * Returns the backup that a restore to the date of a flaw can use: the next older one that is not known to be damaged.
 */
async function insteadOf(
  flaw: Flaw,
  backups: readonly Backup[],
  stateOf: (backup: Backup) => Promise<State>,
): Promise<Damaged['instead']> {
  for (const backup of backups.toReversed()) {
    if (backup === flaw.backup || backup.time > flaw.time) continue;
    const state = await stateOf(backup);
    const { outcome } = state;
    if (outcome === 'damaged' || outcome === 'vanished') continue;
    if (outcome === 'sound' && state.remark?.code === 'DAMAGED_FILE') continue;
    return { key: backup.object.key, read: outcome === 'sound' };
  }
  return null;
}
