import type { Ordered } from '../merge.ts';
import { compareKeys } from '../order.ts';
import type { FileStat } from '../tree/filestat.ts';
import { type CacheEntry, isSameStat } from './entry.ts';

/** Answers from an ordered cache, asked in the same order; holds one entry of it. */
export class CacheLookup {
  readonly #entries: AsyncIterator<CacheEntry>;
  #next: CacheEntry | undefined;
  #begun = false;

  constructor(entries: AsyncIterable<CacheEntry>) {
    this.#entries = entries[Symbol.asyncIterator]();
  }

  /** The entry of a file that looks as it did when it was read; undefined when it must be read (again). */
  async find(file: Ordered, stat: FileStat | undefined): Promise<CacheEntry | undefined> {
    if (!this.#begun) await this.#advance();
    while (this.#next && compareKeys(this.#next.order, file.order) < 0) await this.#advance();
    const found = this.#next;
    return found && stat && found.order === file.order && isSameStat(found, stat) ? found : undefined;
  }

  async close(): Promise<void> {
    await this.#entries.return?.();
  }

  async #advance(): Promise<void> {
    this.#begun = true;
    const step = await this.#entries.next();
    this.#next = step.done ? undefined : step.value;
  }
}
