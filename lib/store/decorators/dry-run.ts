import { BucketMissingError, NotFoundError } from '../errors.ts';
import { checkKey, quoted } from '../key.ts';
import { pagesOf } from '../pages.ts';
import type { ListRange, ObjectStore } from '../store.ts';
import { around } from './around.ts';

/** The writes that a dry run did not make. */
export interface DryRunCounts {
  readonly puts: number;
  readonly bytes: number;
  readonly deletes: number;
}

export interface DryRunStore extends ObjectStore {
  readonly planned: DryRunCounts;
}

/**
 * Wraps a store so that it writes nothing. Puts and deletes are only counted, and a bucket is never created: one that
 * `open({ create: true })` would have created looks empty. The clock is unknown, because a disk store must write to
 * read it.
 */
export function withDryRun(store: ObjectStore): DryRunStore {
  const planned = { puts: 0, bytes: 0, deletes: 0 };
  let missing = false;
  const sweep = store.sweep?.bind(store);
  const dry = around(store, {
    async open({ create, onMissing, ...options }) {
      try {
        await store.open({ ...options, create: false });
        missing = false;
      } catch (error) {
        if (!create || !(error instanceof BucketMissingError)) throw error;
        onMissing?.();
        missing = true;
      }
    },
    list: (range) => (missing ? nothing(range) : store.list(range)),
    pages: (range = {}) => (missing ? nothing(range) : pagesOf(store, range)),
    async get(key, options) {
      if (missing) throw new NotFoundError(`Cannot read ${quoted(key)} from ${store.name}: there is no such object`);
      return store.get(key, options);
    },
    async put(key, body, { signal } = {}) {
      signal?.throwIfAborted();
      checkKey(key, 'store');
      planned.puts++;
      planned.bytes += body.length;
    },
    async delete(keys, { signal } = {}) {
      signal?.throwIfAborted();
      planned.deletes += keys.length;
      return [];
    },
    async clock({ signal } = {}) {
      signal?.throwIfAborted();
      return undefined;
    },
    ...(sweep && {
      sweep: async (options) => (missing ? { removed: [], failures: [] } : sweep({ ...options, dryRun: true })),
    }),
    async flush({ signal } = {}) {
      signal?.throwIfAborted();
    },
  });
  return { ...dry, planned };
}

async function* nothing(range?: ListRange): AsyncGenerator<never, void, void> {
  range?.signal?.throwIfAborted();
  yield* [];
}
