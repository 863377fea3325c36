import { type Hold, listHoldObjects, readListedHolds } from '../bucket/hold-file.ts';
import { type Backup, backupsBefore, type StoredMetric } from '../bucket/metric.ts';
import { GuardError } from '../common/errors.ts';
import { globToRegExp } from '../common/glob.ts';
import type { PlaceOptions } from '../common/options.ts';
import type { ObjectStore, StoredObject } from '../store/store.ts';
import { DAY } from './age.ts';

const NOTHING: ReadonlyMap<Backup, string> = new Map();

/** The holds of a bucket that have not ended, and what they keep. */
export class Holds {
  readonly #holds: readonly (Hold & { readonly isMatch: (metric: string) => boolean })[];

  /** The objects from which they were read. */
  readonly #objects: ReadonlySet<string>;

  /**
   * @param now holds that ended before this are left out.
   * @param objects from which they were read.
   */
  constructor(holds: readonly Hold[], now: Date, objects: readonly StoredObject[] = []) {
    this.#objects = new Set(objects.map(identityOf));
    this.#holds = holds
      .filter(({ until }) => until === undefined || until > now)
      .map((hold) => {
        const glob = globToRegExp(hold.metrics);
        return { ...hold, isMatch: (metric) => glob.test(metric) };
      });
  }

  /**
   * Reads the holds of a bucket. Operations that delete call this first, and delete nothing if it throws.
   *
   * @throws GuardError `HOLD_UNREADABLE` if one cannot be read.
   * @throws StoreError if they cannot be listed.
   */
  static async read(store: ObjectStore, place: PlaceOptions, now: Date, signal: AbortSignal): Promise<Holds> {
    const holds: Hold[] = [];
    const objects = await listHoldObjects(store, place, signal);
    for (const hold of await readListedHolds(store, place, objects, signal)) {
      if ('name' in hold) holds.push(hold);
      else
        throw new GuardError(
          'HOLD_UNREADABLE',
          `Cannot read the hold ${hold.key} of ${store.name}: ${hold.reason}. What it keeps is unknown, so nothing may ` +
            `be deleted. ${hold.remedy}`,
        );
    }
    return new Holds(holds, now, objects);
  }

  /** Returns whether a hold has been added or changed since these were read, with one request. @throws StoreError */
  async isAnyNew(store: ObjectStore, place: PlaceOptions, signal: AbortSignal): Promise<boolean> {
    const objects = await listHoldObjects(store, place, signal);
    return objects.some((object) => !this.#objects.has(identityOf(object)));
  }

  /** Returns which backups of a metric are held, and by which hold. */
  of(stored: StoredMetric): ReadonlyMap<Backup, string> {
    if (this.#holds.length === 0) return NOTHING;
    const held = new Map<Backup, string>();
    for (const { name, date, isMatch } of this.#holds) {
      const backup = isMatch(stored.metric) ? backupsBefore(stored, date).at(-1) : undefined;
      if (backup && !held.has(backup)) held.set(backup, name);
    }
    return held;
  }

  /**
   * Returns whether a restore to the date of a hold may need a run of the journal: any run before it, since what the hold
   * keeps of a metric may be as old.
   *
   * @param until the time of the run.
   */
  needRun(until: Date): boolean {
    // Carbon may have written the last points before the date a while after it.
    return this.#holds.some(
      ({ created, date }) => until.getTime() <= Math.min(date.getTime(), created.getTime()) + DAY,
    );
  }
}

/** Differs when the object has been written again. */
function identityOf({ key, modified, size, md5 = '' }: StoredObject): string {
  return [key, modified.getTime(), size, md5].join(' ');
}
