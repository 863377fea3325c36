import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredMetric } from '../../bucket/metric.ts';
import { timeOfChangedKey } from '../../bucket/misnamed.ts';
import { NotFoundError } from '../../store/errors.ts';
import { FILE_BYTES } from '../../tree/read-file.ts';
import type { Run } from '../shared/run.ts';

/** Waits, in milliseconds, for a listing that is behind: Swift updates those of a container later if it is busy. */
const LIST_AGAIN_MS = [1000, 4000, 0];

/**
 * Checks that the store lists backups under the names that they were given. If it folds case or changes `+` or `:`, no
 * backup would be found again, and every run would store everything anew.
 *
 * Costs a listing of one metric in a run that stores something in a bucket without backups; nothing otherwise.
 */
export class NameCheck {
  readonly #run: Run;
  readonly #seesAll: boolean;
  /** Times of the newest keys in the listing that are intact, and that are not. */
  #intact = Number.NEGATIVE_INFINITY;
  #changed: { readonly key: string; readonly time: number } | undefined;
  /** The key of a backup that this run has stored. */
  #stored: string | undefined;

  /** @param seesAll whether the newest backups of all metrics are known, not only of selected ones. */
  constructor(run: Run, seesAll: boolean) {
    this.#run = run;
    this.#seesAll = seesAll;
  }

  /** Takes note of a key in the listing that is not ours. */
  foreign(key: string): void {
    const time = timeOfChangedKey(key)?.getTime();
    if (time !== undefined && time > (this.#changed?.time ?? Number.NEGATIVE_INFINITY)) this.#changed = { key, time };
  }

  listed({ backups }: StoredMetric): void {
    this.#intact = Math.max(this.#intact, backups.at(-1)?.time.getTime() ?? Number.NEGATIVE_INFINITY);
  }

  stored(key: string): void {
    this.#stored ??= key;
  }

  /** Stops the run if the store has changed names. @returns whether it has. */
  async finish(): Promise<boolean> {
    const { options } = this.#run;
    if (this.#seesAll && this.#changed && this.#changed.time > this.#intact) return this.#stop(this.#changed.key);
    const stored = this.#stored;
    if (this.#intact > Number.NEGATIVE_INFINITY || stored === undefined || options.dryRun) return false;
    const { signal } = options;
    for (const waitMs of LIST_AGAIN_MS) {
      const listed = await this.#listedBeside(stored);
      if (listed === stored) return false;
      if (listed !== undefined) return this.#stop(listed, stored);
      if (!(await this.#isKept(stored))) return false;
      await sleep(waitMs, undefined, { signal });
    }
    return this.#stop(undefined, stored);
  }

  /** @returns the key itself if it is listed, otherwise another one in its directory. */
  async #listedBeside(stored: string): Promise<string | undefined> {
    const { options, store } = this.#run;
    const prefix = stored.slice(0, stored.lastIndexOf('/') + 1);
    let other: string | undefined;
    for await (const { key } of store.list({ prefix, signal: options.signal })) {
      if (key === stored) return key;
      other ??= key;
    }
    return other;
  }

  /** Whether the store keeps objects at all: `noop` does not. */
  async #isKept(key: string): Promise<boolean> {
    const { options, store } = this.#run;
    return store.get(key, { maxBytes: FILE_BYTES, signal: options.signal }).then(
      () => true,
      (error) => {
        if (error instanceof NotFoundError) return false;
        throw error;
      },
    );
  }

  #stop(key: string | undefined, stored?: string): true {
    const listed = key === undefined ? 'does not list it' : `lists ${JSON.stringify(key)}`;
    const what = stored === undefined ? listed : `stored ${JSON.stringify(stored)}, but ${listed}`;
    this.#run.stop(
      'MISNAMED',
      `Cannot use ${this.#run.store.name}: it ${what}: it changes the names of objects, so that no backup is found again and ` +
        'every run would store everything anew. Nothing was deleted. Use a store or gateway that keeps names as they are ' +
        '(case, "+", ":"), and check it with doctor.',
    );
    return true;
  }
}
