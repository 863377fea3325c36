import { compareKeys } from './order.ts';

/** One step of a join: the items with one key, on the left, on the right or on both sides. */
type Joined<L, R> = { readonly left: L; readonly right?: R } | { readonly left?: never; readonly right: R };

export interface Ordered {
  /** The sort key; {@link compareKeys} compares it by its UTF-8 bytes. */
  readonly order: string;
}

/**
 * Joins two ascending sequences, which come by the page: with millions of items, one promise for each would cost more
 * than all the rest. Yields the available steps without waiting for the next page of either side. Closes both when one
 * fails or the reader stops.
 */
export async function* join<L extends Ordered, R extends Ordered>(
  left: AsyncIterable<readonly L[]>,
  right: AsyncIterable<readonly R[]>,
): AsyncGenerator<readonly Joined<L, R>[]> {
  const lefts = new Cursor(left);
  const rights = new Cursor(right);
  try {
    await Promise.all([lefts.fill(), rights.fill()]);
    while (lefts.item || rights.item) {
      const steps: Joined<L, R>[] = [];
      while (!lefts.isStarved && !rights.isStarved) {
        const l = lefts.item;
        const r = rights.item;
        if (!l && !r) break;
        const order = !l ? 1 : !r ? -1 : compareKeys(l.order, r.order);
        if (order < 0 && l) steps.push({ left: l });
        else if (order > 0 && r) steps.push({ right: r });
        else if (l && r) steps.push({ left: l, right: r });
        if (order <= 0) lefts.advance();
        if (order >= 0) rights.advance();
      }
      if (steps.length > 0) yield steps;
      await Promise.all([lefts.fill(), rights.fill()]);
    }
  } finally {
    await Promise.allSettled([lefts.close(), rights.close()]);
  }
}

class Cursor<T> {
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
