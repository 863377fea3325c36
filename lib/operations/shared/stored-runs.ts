import { journalPrefix, journalRunOf, rootOf } from '../../bucket/layout.ts';
import { GuardError, reasonOf } from '../../common/errors.ts';
import type { PlaceOptions } from '../../common/options.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import { ageOf, DAY } from '../../expiry/age.ts';
import { type Contradiction, contradictionOf, isContradictory } from '../../expiry/both-clocks.ts';
import { CLOCK_OFF } from '../../expiry/guards.ts';
import { Holds } from '../../expiry/holds.ts';
import { INDEX_NAME } from '../../journal/index-file.ts';
import { readRunRecords } from '../../monitoring/bucket-records.ts';
import { isFullBackup } from '../../monitoring/run-record.ts';
import type { ObjectStore, StoredObject } from '../../store/store.ts';
import type { OperationOptions, Run } from './run.ts';

interface RunObject {
  readonly time: Date;
  readonly isIndex: boolean;
  readonly object: StoredObject;
}

/** Which runs restores of newest backups need. */
export interface Needed {
  has(time: Date): boolean;
}

type ExpiringRun = Run<OperationOptions & PlaceOptions & { readonly journalKeep?: number }>;

const HOUR = 3_600_000;

/** The runs of the journal in a bucket, with or without an index. */
export class StoredRuns {
  readonly #objects: readonly RunObject[];
  readonly #indexes: ReadonlySet<number>;

  private constructor(objects: readonly RunObject[]) {
    this.#objects = objects;
    this.#indexes = new Set(objects.filter(({ isIndex }) => isIndex).map(({ time }) => time.getTime() / 1000));
  }

  /** @param time Unix time in seconds. */
  has(time: number): boolean {
    return this.#indexes.has(time);
  }

  /** Time of the newest run. */
  get newest(): Date | undefined {
    return this.#indexes.size === 0 ? undefined : new Date(Math.max(...this.#indexes) * 1000);
  }

  /** The indexes, the newest first. */
  get indexes(): readonly RunObject[] {
    return this.#objects.filter(({ isIndex }) => isIndex).reverse();
  }

  /** The first object of each run whose name and whose time in the store contradict each other. */
  get contradictions(): ReadonlyMap<number, Contradiction> {
    const found = this.#objects.filter(isContradictory).reverse();
    return new Map(found.map((one) => [one.time.getTime(), contradictionOf(one)]));
  }

  /** @throws StoreError */
  static async list(store: ObjectStore, options: PlaceOptions & { readonly signal: AbortSignal }): Promise<StoredRuns> {
    const root = rootOf(options);
    const objects: RunObject[] = [];
    for await (const object of store.list({ prefix: journalPrefix(root), signal: options.signal })) {
      const found = journalRunOf(root, object.key);
      if (found) objects.push({ time: found.until, isIndex: found.name === INDEX_NAME, object });
    }
    return new StoredRuns(objects);
  }

  /**
   * Returns the time for a run that begins now: whole seconds, after all others.
   *
   * @throws GuardError `JOURNAL_AHEAD` if a run is dated far ahead of the clock.
   */
  timeOfNext(now: Date): Date {
    const newest = this.#objects.reduce((latest, { time }) => Math.max(latest, time.getTime()), 0);
    if (newest > now.getTime() + HOUR)
      throw new GuardError(
        'JOURNAL_AHEAD',
        `Cannot journal: the run ${formatTimestamp(new Date(newest))} is dated over an hour ahead of this host's clock. ` +
          'Check the clock; if it was ahead when that run was stored, delete the run from .whisper-backup/journal/.',
      );
    return new Date(Math.max(Math.floor(now.getTime() / 1000) * 1000, newest + 1000));
  }

  /**
   * Deletes runs older than `journalKeep` days, their indexes first. Keeps runs that are newer than the last full
   * backup, those that a newest backup or a hold needs, and all while no full backup is recorded or the clocks differ.
   *
   * @param readNeeded returns the runs that newest backups need; undefined if that is not known.
   */
  async expire(run: ExpiringRun, readNeeded: () => Promise<Needed | undefined>): Promise<void> {
    const { began, options, store } = run;
    const { journalKeep = 8, dryRun, report, signal } = options;
    const isYoung = (object: RunObject) => ageOf(object, began) <= journalKeep * DAY;
    // A run goes as a whole: an object of it may have been written anew.
    const young = new Set(this.#objects.filter(isYoung).map(({ time }) => time.getTime()));
    const old = this.#objects.filter(({ time }) => !young.has(time.getTime()));
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
