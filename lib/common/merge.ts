import { compareKeys } from './order.ts';

/** One step of a join: what stood on the left, on the right, or on both under one key. */
export type Joined<L, R> = { readonly left: L; readonly right?: R } | { readonly left?: never; readonly right: R };

/** An item of an ordered sequence: `order` is what it is sorted by, compared by UTF-8 bytes. */
export interface Ordered {
  readonly order: string;
}

/** Joins two ascending sequences, holding one item of each. Either is closed when the other fails or the reader stops. */
export async function* join<L extends Ordered, R extends Ordered>(
  left: AsyncIterable<L>,
  right: AsyncIterable<R>,
): AsyncGenerator<Joined<L, R>> {
  for await (const steps of joinPages(singly(left), singly(right))) yield* steps;
}

/**
 * The same for sequences that come in arrays of neighbours, and tells the steps in arrays, none of which waits for what
 * has not come yet: with millions of items a promise for each would cost more than all the rest.
 */
export async function* joinPages<L extends Ordered, R extends Ordered>(
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

/** A place in a sequence of pages. */
class Cursor<T> {
  /** What it is at; undefined at the end, and while it is starved. */
  item: T | undefined;
  readonly #pages: AsyncIterator<readonly T[]>;
  #page: readonly T[] = [];
  #index = 0;
  #isDone = false;

  constructor(pages: AsyncIterable<readonly T[]>) {
    this.#pages = pages[Symbol.asyncIterator]();
  }

  /** Whether it must be filled before anybody knows what comes next. */
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

async function* singly<T>(items: AsyncIterable<T>): AsyncGenerator<readonly T[]> {
  for await (const item of items) yield [item];
}
