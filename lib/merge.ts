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
  const lefts = left[Symbol.asyncIterator]();
  const rights = right[Symbol.asyncIterator]();
  try {
    let [l, r] = await Promise.all([lefts.next(), rights.next()]);
    while (!l.done || !r.done) {
      const order = l.done ? 1 : r.done ? -1 : compareKeys(l.value.order, r.value.order);
      if (order < 0 && !l.done) {
        yield { left: l.value };
        l = await lefts.next();
      } else if (order > 0 && !r.done) {
        yield { right: r.value };
        r = await rights.next();
      } else if (!l.done && !r.done) {
        yield { left: l.value, right: r.value };
        l = await lefts.next();
        r = await rights.next();
      }
    }
  } finally {
    await Promise.allSettled([lefts.return?.(), rights.return?.()]);
  }
}
