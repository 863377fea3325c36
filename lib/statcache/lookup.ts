import type { Ordered } from '../common/merge.ts';
import { compareKeys } from '../common/order.ts';
import { PageCursor } from '../common/pages.ts';
import type { FileStat } from '../tree/file-stat.ts';
import { type CacheEntry, isSameStat } from './entry.ts';

/** Looks up files in an ordered cache, in the same order. */
export class CacheLookup {
  readonly #cursor: PageCursor<CacheEntry>;

  constructor(blocks: AsyncIterable<readonly CacheEntry[]>) {
    this.#cursor = new PageCursor(blocks);
  }

  /**
   * Returns the entry of an unchanged file, or undefined if the file must be read. Returns a promise only at the end of
   * a block: one for each of millions of files would take longer than everything else.
   */
  find(file: Ordered, stat: FileStat | undefined): CacheEntry | undefined | Promise<CacheEntry | undefined> {
    const cursor = this.#cursor;
    for (let entry = cursor.item; entry; cursor.advance(), entry = cursor.item) {
      const difference = compareKeys(entry.order, file.order);
      if (difference < 0) continue;
      return difference === 0 && stat && isSameStat(entry, stat) ? entry : undefined;
    }
    return cursor.isStarved ? cursor.fill().then(() => this.find(file, stat)) : undefined;
  }

  close(): Promise<void> {
    return this.#cursor.close();
  }
}
