import { pagesOf } from '../pages.ts';
import type { ObjectStore } from '../store.ts';

/** Returns a store that makes some calls in its own way, and passes on the others. */
export function around(store: ObjectStore, own: Partial<ObjectStore>): ObjectStore {
  const sweep = store.sweep?.bind(store);
  return {
    name: store.name,
    ...(store.directory !== undefined && { directory: store.directory }),
    mayDelete: store.mayDelete ?? true,
    listings: store.listings ?? 1,
    open: (options) => store.open(options),
    list: (range) => store.list(range),
    pages: (range = {}) => pagesOf(store, range),
    get: (key, options) => store.get(key, options),
    put: (key, body, options) => store.put(key, body, options),
    delete: (keys, options) => store.delete(keys, options),
    clock: (options) => store.clock(options),
    ...(sweep && { sweep }),
    flush: (options) => store.flush(options),
    close: () => store.close(),
    ...own,
  };
}
