import { objectsOf, pagesOf } from '../../lib/store/pages.ts';
import type { ListRange, ObjectStore, Page } from '../../lib/store/store.ts';

/** How often a store was called, and what it moved. */
export interface CallCounts {
  readonly list: number;
  /** Objects that listings told. */
  readonly listed: number;
  readonly get: number;
  readonly put: number;
  /** Batches, not objects. */
  readonly delete: number;
  /** Bytes read by `get`. */
  readonly bytesRead: number;
  /** Bytes stored by `put`. */
  readonly bytesWritten: number;
}

export interface CountingStore extends ObjectStore {
  /** Counted so far: calls when they begin, bytes when they are through. */
  readonly calls: CallCounts;
}

/** Counts calls. Around `withRetry` it counts what was asked for, inside it every attempt. */
export function withCounting(store: ObjectStore): CountingStore {
  const calls = { list: 0, listed: 0, get: 0, put: 0, delete: 0, bytesRead: 0, bytesWritten: 0 };
  async function* pages(range: ListRange = {}): AsyncGenerator<Page, void, void> {
    calls.list++;
    for await (const page of pagesOf(store, range)) {
      calls.listed += page.length;
      yield page;
    }
  }
  const sweep = store.sweep?.bind(store);
  return {
    name: store.name,
    ...(store.directory !== undefined && { directory: store.directory }),
    listings: store.listings ?? 1,
    calls,
    open: (options) => store.open(options),
    list: (range) => objectsOf(pages(range), range?.signal),
    pages,
    async get(key, options) {
      calls.get++;
      const body = await store.get(key, options);
      calls.bytesRead += body.length;
      return body;
    },
    async put(key, body, options) {
      calls.put++;
      await store.put(key, body, options);
      calls.bytesWritten += body.length;
    },
    delete(keys, options) {
      calls.delete++;
      return store.delete(keys, options);
    },
    clock: (options) => store.clock(options),
    ...(sweep && { sweep }),
    flush: (options) => store.flush(options),
    close: () => store.close(),
  };
}
