import type { ListRange, ObjectStore, Page, StoredObject } from './store.ts';

/** Lists a range by the page. Each object is a page if the store does not list pages. */
export function pagesOf(store: ObjectStore, range: ListRange): AsyncIterable<Page> {
  return store.pages?.(range) ?? singly(store.list(range));
}

/** Yields the objects of pages. @param signal no object is yielded after it has aborted. */
export async function* objectsOf(
  pages: AsyncIterable<Page>,
  signal?: AbortSignal,
): AsyncGenerator<StoredObject, void, void> {
  for await (const page of pages) {
    for (const object of page) {
      signal?.throwIfAborted();
      yield object;
    }
  }
}

async function* singly(objects: AsyncIterable<StoredObject>): AsyncGenerator<Page, void, void> {
  for await (const object of objects) yield [object];
}
