import type { CacheEntry } from './entry.ts';

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
