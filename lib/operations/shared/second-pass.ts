import type { Run } from './run.ts';

/** Bounds the memory; more metrics fail at once. */
const MAX_ITEMS = 10_000;
const MAX_BYTES = 2 ** 26;

/**
 * Items that failed because the store did not answer or was busy for too long. They are tried once more at the end of
 * the run before they count as failed.
 */
export class SecondPass<T> {
  readonly #run: Run;
  #items: T[] = [];
  #bytes = 0;
  #isOver = false;

  constructor(run: Run) {
    this.#run = run;
  }

  /**
   * @param bytes what the item holds besides names and times.
   * @returns whether the item will be tried again, so that it has not failed yet.
   */
  defer(item: T, code: string, bytes = 0): boolean {
    if (code !== 'TRANSIENT' || this.#isOver || this.#run.mustStop) return false;
    if (this.#items.length >= MAX_ITEMS || this.#bytes + bytes > MAX_BYTES) return false;
    this.#items.push(item);
    this.#bytes += bytes;
    return true;
  }

  /** Waits for the store, and yields the items to try again, as one page. Items that fail from now on have failed. */
  async *again(): AsyncGenerator<readonly T[]> {
    this.#isOver = true;
    const items = this.#items;
    this.#items = [];
    if (items.length === 0) return;
    const { options, store } = this.#run;
    options.report.log('info', `Trying again ${items.length} metrics for which the store did not answer`);
    // It is retried longer than other calls. If it fails, the items fail too, and count.
    await store.open({ create: false, signal: options.signal }).catch(() => {});
    yield items;
  }
}
