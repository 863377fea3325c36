import type { Ordered } from '../common/merge.ts';
import { compareKeys } from '../common/order.ts';
import { PageCursor } from '../common/pages.ts';

/** Looks up files in an ordered cache, in the same order. */
export class CacheLookup<E extends Ordered> {
  readonly #cursor: PageCursor<E>;

  constructor(blocks: AsyncIterable<readonly E[]>) {
    this.#cursor = new PageCursor(blocks);
  }

  /**
   * Returns the entry of a file, if there is one that `isUsable`. Returns a promise only at the end of a block: one for
   * each of millions of files would take longer than everything else.
   */
  find(file: Ordered, isUsable: (entry: E) => boolean): E | undefined | Promise<E | undefined> {
    const cursor = this.#cursor;
    for (let entry = cursor.item; entry; cursor.advance(), entry = cursor.item) {
      const difference = compareKeys(entry.order, file.order);
      if (difference < 0) continue;
      return difference === 0 && isUsable(entry) ? entry : undefined;
    }
    return cursor.isStarved ? cursor.fill().then(() => this.find(file, isUsable)) : undefined;
  }

  close(): Promise<void> {
    return this.#cursor.close();
  }
}
