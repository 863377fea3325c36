import { compareKeys } from './order.ts';
import { PageCursor } from './pages.ts';

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
  const lefts = new PageCursor(left);
  const rights = new PageCursor(right);
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
