import type { Ordered } from '../common/merge.ts';
import { compareKeys } from '../common/order.ts';
import type { FileStat } from '../tree/file-stat.ts';
import { type CacheEntry, isSameStat } from './entry.ts';

/** Looks up files in an ordered cache, in the same order. */
export class CacheLookup {
  readonly #cursor: CacheCursor;

  constructor(blocks: AsyncIterable<readonly CacheEntry[]>) {
    this.#cursor = new CacheCursor(blocks);
  }

  /**
   * Returns the entry of an unchanged file, or undefined if the file must be read. Returns a promise only at the end of
   * a block: one for each of millions of files would take longer than everything else.
   */
  find(file: Ordered, stat: FileStat | undefined): CacheEntry | undefined | Promise<CacheEntry | undefined> {
    const cursor = this.#cursor;
    for (let entry = cursor.current; entry; cursor.advance(), entry = cursor.current) {
      const difference = compareKeys(entry.order, file.order);
      if (difference < 0) continue;
      return difference === 0 && stat && isSameStat(entry, stat) ? entry : undefined;
    }
    return cursor.isDone ? undefined : cursor.load().then(() => this.find(file, stat));
  }

  close(): Promise<void> {
    return this.#cursor.close();
  }
}

/** Iterates over the entries of a cache, with one block in memory. */
export class CacheCursor {
  readonly #blocks: AsyncIterator<readonly CacheEntry[]>;
  #block: readonly CacheEntry[] = [];
  #index = 0;
  #isDone = false;

  constructor(blocks: AsyncIterable<readonly CacheEntry[]>) {
    this.#blocks = blocks[Symbol.asyncIterator]();
  }

  get current(): CacheEntry | undefined {
    return this.#block[this.#index];
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  advance(): void {
    this.#index++;
  }

  async load(): Promise<void> {
    const step = await this.#blocks.next();
    this.#isDone = step.done === true;
    this.#block = step.done ? [] : step.value;
    this.#index = 0;
  }

  async close(): Promise<void> {
    await this.#blocks.return?.();
  }
}
