import type { PlaceOptions } from '../../common/options.ts';
import { compareKeys } from '../../common/order.ts';
import { type JournalEvents, type JournalRun, type JournalRunKey, listRuns, readRun } from '../../journal/runs.ts';
import type { ObjectStore } from '../../store/store.ts';

interface ReachOptions extends PlaceOptions {
  /** The journal up to this time. @default all */
  readonly date?: Date;
}

/** A run and how far it was searched. */
interface Cursor {
  readonly key: JournalRunKey;
  /** Read when it is needed. */
  run?: Promise<JournalRun | undefined>;
  part: number;
}

/**
 * Finds how far the journal reaches for one metric after the other, in key order. Reads indexes only, the newest first:
 * a part counts if the metric is between its first and its last one.
 */
export class JournalReach {
  readonly #store: ObjectStore;
  readonly #options: ReachOptions;
  readonly #events: JournalEvents;
  /** Newest first. */
  readonly #cursors: readonly Cursor[];

  private constructor(
    store: ObjectStore,
    options: ReachOptions,
    events: JournalEvents,
    keys: readonly JournalRunKey[],
  ) {
    this.#store = store;
    this.#options = options;
    this.#events = events;
    this.#cursors = keys.toReversed().map((key) => ({ key, part: 0 }));
  }

  /** @throws StoreError */
  static async open(store: ObjectStore, options: ReachOptions, events: JournalEvents): Promise<JournalReach> {
    return new JournalReach(store, options, events, await listRuns(store, options, events));
  }

  /**
   * Returns the time of the newest run that may have lines of a metric, or the date if that is earlier.
   *
   * @param since time of the metric's backup.
   */
  async find(order: string, since: Date): Promise<Date | undefined> {
    const { date } = this.#options;
    for (const cursor of this.#cursors) {
      const { until } = cursor.key;
      if (until < since) return undefined;
      cursor.run ??= readRun(this.#store, this.#options, cursor.key, this.#events);
      const run = await cursor.run;
      if (!run || (date && run.from > date)) continue;
      let part = run.parts[cursor.part];
      while (part && compareKeys(order, `${part.last}/`) > 0) part = run.parts[++cursor.part];
      if (part && compareKeys(order, `${part.first}/`) >= 0) return date && date < until ? date : until;
    }
    return undefined;
  }
}
