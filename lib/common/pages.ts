/** Yields the items of pages one by one. @throws the signal's reason */
export async function* each<T>(
  pages: AsyncIterable<readonly T[]>,
  signal?: AbortSignal,
): AsyncGenerator<T, void, void> {
  for await (const items of pages) {
    for (const item of items) {
      signal?.throwIfAborted();
      yield item;
    }
  }
}

/** A batch is full when it reaches either limit. */
interface BatchLimits {
  readonly items: number;
  readonly weight: number;
}

/**
 * Groups items into batches across pages, because the overhead of one batch (a message to a thread, a few promises)
 * costs as much as a small item. Yields a batch as soon as it is full.
 *
 * @param weigh in the unit of `limits.weight`; 0 is free.
 */
export async function* batched<T>(
  pages: AsyncIterable<readonly T[]>,
  weigh: (item: T) => number,
  limits: BatchLimits,
): AsyncGenerator<readonly T[], void, void> {
  let batch: T[] = [];
  let weight = 0;
  for await (const items of pages) {
    for (const item of items) {
      batch.push(item);
      weight += weigh(item);
      if (batch.length < limits.items && weight < limits.weight) continue;
      yield batch;
      batch = [];
      weight = 0;
    }
  }
  if (batch.length > 0) yield batch;
}

/** Iterates over the items of pages, and waits only between pages. */
export class PageCursor<T> {
  /** The current item; undefined at the end and while the next page is missing. */
  item: T | undefined;
  readonly #pages: AsyncIterator<readonly T[]>;
  #page: readonly T[] = [];
  #index = 0;
  #isDone = false;

  constructor(pages: AsyncIterable<readonly T[]>) {
    this.#pages = pages[Symbol.asyncIterator]();
  }

  /** Whether the next page must be read to know the current item. */
  get isStarved(): boolean {
    return this.item === undefined && !this.#isDone;
  }

  advance(): void {
    this.item = this.#page[++this.#index];
  }

  async fill(): Promise<void> {
    while (this.isStarved) {
      const step = await this.#pages.next();
      if (step.done) {
        this.#isDone = true;
        return;
      }
      this.#page = step.value;
      this.#index = 0;
      this.item = this.#page[0];
    }
  }

  async close(): Promise<void> {
    await this.#pages.return?.();
  }
}
