import type { Ordered } from '../common/merge.ts';
import { compareKeys } from '../common/order.ts';
import type { FileStat } from '../tree/file-stat.ts';
import { type CacheEntry, isSameStat } from './entry.ts';

/** Answers from an ordered cache, asked in the same order. */
export class CacheLookup {
  readonly #cursor: CacheCursor;

  constructor(blocks: AsyncIterable<readonly CacheEntry[]>) {
    this.#cursor = new CacheCursor(blocks);
  }

  /**
   * The entry of a file that looks as it did when it was read; undefined when it must be read (again). Mostly it is
   * there at once: a promise for each file of millions would take longer than all else.
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

/** Goes through the entries of a cache, and holds one block of them. */
export class CacheCursor {
  readonly #blocks: AsyncIterator<readonly CacheEntry[]>;
  #block: readonly CacheEntry[] = [];
  #index = 0;
  #isDone = false;

  constructor(blocks: AsyncIterable<readonly CacheEntry[]>) {
    this.#blocks = blocks[Symbol.asyncIterator]();
  }

  /** The entry it stands at; undefined at the end of a block, and of all. */
  get current(): CacheEntry | undefined {
    return this.#block[this.#index];
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Goes on to the next entry of the block. */
  advance(): void {
    this.#index++;
  }

  /** Goes on to the next block. */
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
