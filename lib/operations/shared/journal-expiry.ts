import { reasonOf } from '../../common/errors.ts';
import type { PlaceOptions } from '../../common/options.ts';
import { ageOf, DAY } from '../../expiry/age.ts';
import { CLOCK_OFF } from '../../expiry/guards.ts';
import { Holds } from '../../expiry/holds.ts';
import { readRunRecords } from '../../monitoring/bucket-records.ts';
import { isFullBackup } from '../../monitoring/run-record.ts';
import type { ObjectStore } from '../../store/store.ts';
import type { OperationOptions, Run } from './run.ts';
import type { RunObject, StoredRuns } from './stored-runs.ts';

/** Which runs restores of newest backups need. */
export interface Needed {
  has(time: Date): boolean;
}

type ExpiringRun = Run<OperationOptions & PlaceOptions & { readonly journalKeep?: number }>;

/**
 * Deletes runs older than `journalKeep` days, their indexes first. Keeps runs that are newer than the last full
 * backup, those that a newest backup or a hold needs, and all while no full backup is recorded or the clocks differ.
 *
 * @param readNeeded returns the runs that newest backups need; undefined if that is not known.
 */
export async function expireRuns(
  runs: StoredRuns,
  run: ExpiringRun,
  readNeeded: () => Promise<Needed | undefined>,
): Promise<void> {
  const { began, options, store } = run;
  const { journalKeep = 8, dryRun, report, signal } = options;
  const isYoung = (object: RunObject) => ageOf(object, began) <= journalKeep * DAY;
  // A run goes as a whole: an object of it may have been written anew.
  const young = new Set(runs.objects.filter(isYoung).map(({ time }) => time.getTime()));
  const old = runs.objects.filter(({ time }) => !young.has(time.getTime()));
  if (old.length === 0 || run.stopped || store.mayDelete === false) return;
  const [limit, needed] = [await lastFullBackup(store, options, began), await readNeeded()];
  if (!limit || !needed) return;
  const surplus = old.filter(({ time }) => time < limit && !needed.has(time));
  const due = surplus.length > 0 ? await withoutHeld(surplus, run) : [];
  if (due.length === 0) return;
  const clock = await store.clock({ signal });
  if (clock && Math.abs(options.now().getTime() - clock.getTime()) > CLOCK_OFF) {
    run.stop(
      'CLOCK_OFF',
      "Old journal runs were not deleted: this host's clock and the store's differ (set the clock)",
    );
    return;
  }
  run.add('deleted', due.length);
  const verb = dryRun ? 'Would delete' : 'Deleting';
  report.log('info', `${verb} ${due.length} objects of journal runs older than ${journalKeep} days`);
  if (dryRun) return;
  for (const isIndex of [true, false]) {
    const keys = due.filter((object) => object.isIndex === isIndex).map(({ object }) => object.key);
    const failures = keys.length > 0 ? await store.delete(keys, { signal }) : [];
    for (const { key, error } of failures) run.fail({ metric: key, code: 'DELETE_FAILED', reason: reasonOf(error) });
    // Parts without their index are no run; an index without its parts would be a damaged one.
    if (failures.length > 0) return;
  }
}

/** Leaves out the runs that a hold needs; all of them if the holds cannot be read. */
async function withoutHeld(objects: readonly RunObject[], run: ExpiringRun): Promise<readonly RunObject[]> {
  const { began, options, store } = run;
  try {
    const holds = await Holds.read(store, options, began, options.signal);
    return objects.filter(({ time }) => !holds.needRun(time));
  } catch (error) {
    options.signal.throwIfAborted();
    run.stop('HOLD_UNREADABLE', `Old journal runs were not deleted: ${reasonOf(error)}`);
    return [];
  }
}

/** Returns when the host's last full backup that finished started; undefined if no record says so. */
async function lastFullBackup(
  store: ObjectStore,
  options: PlaceOptions & { readonly signal: AbortSignal },
  now: Date,
): Promise<Date | undefined> {
  for await (const record of readRunRecords(store, options, { signal: options.signal, now })) {
    if (isFullBackup(record) && (record.exitCode === 0 || record.exitCode === 3)) return new Date(record.started);
  }
  return undefined;
}
