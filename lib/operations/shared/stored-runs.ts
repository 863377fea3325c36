import { journalPrefix, journalRunOf, rootOf } from '../../bucket/layout.ts';
import { GuardError } from '../../common/errors.ts';
import type { PlaceOptions } from '../../common/options.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import { type Contradiction, contradictionOf, isContradictory } from '../../expiry/both-clocks.ts';
import { INDEX_NAME } from '../../journal/index-file.ts';
import type { ObjectStore, StoredObject } from '../../store/store.ts';

export interface RunObject {
  readonly time: Date;
  readonly isIndex: boolean;
  readonly object: StoredObject;
}

const HOUR = 3_600_000;

/** The runs of the journal in a bucket, with or without an index. */
export class StoredRuns {
  /** In the order of their keys. */
  readonly objects: readonly RunObject[];
  readonly #indexes: ReadonlySet<number>;

  private constructor(objects: readonly RunObject[]) {
    this.objects = objects;
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
    return this.objects.filter(({ isIndex }) => isIndex).reverse();
  }

  /** The first object of each run whose name and whose time in the store contradict each other. */
  get contradictions(): ReadonlyMap<number, Contradiction> {
    const found = this.objects.filter(isContradictory).reverse();
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
    const newest = this.objects.reduce((latest, { time }) => Math.max(latest, time.getTime()), 0);
    if (newest > now.getTime() + HOUR)
      throw new GuardError(
        'JOURNAL_AHEAD',
        `Cannot journal: the run ${formatTimestamp(new Date(newest))} is dated over an hour ahead of this host's clock. ` +
          'Check the clock; if it was ahead when that run was stored, delete the run from .whisper-backup/journal/.',
      );
    return new Date(Math.max(Math.floor(now.getTime() / 1000) * 1000, newest + 1000));
  }
}
