import type { ListRange, ObjectStore, Page, StoredObject } from './store.ts';

/** The objects of a range by the page where the store tells them so, else one by one. */
export function pagesOf(store: ObjectStore, range: ListRange): AsyncIterable<Page> {
  return store.pages?.(range) ?? singly(store.list(range));
}

/** The objects of pages. @param signal once it is aborted there are no more, whatever has come already. */
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
