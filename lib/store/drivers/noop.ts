import { NotFoundError } from '../errors.ts';
import { checkKey, quoted } from '../key.ts';
import type { ObjectStore } from '../store.ts';

/** Creates a store that discards all objects. It shows what a run would read, and how fast. */
export function createNoopStore(): ObjectStore {
  return {
    name: 'noop',
    async open({ signal }) {
      signal?.throwIfAborted();
    },
    async *list({ signal } = {}) {
      signal?.throwIfAborted();
      yield* [];
    },
    async get(key, { signal }) {
      signal?.throwIfAborted();
      throw new NotFoundError(`Cannot read ${quoted(key)} from noop: it stores nothing`);
    },
    async put(key, _body, { signal } = {}) {
      signal?.throwIfAborted();
      checkKey(key, 'store');
    },
    async delete(_keys, { signal } = {}) {
      signal?.throwIfAborted();
      return [];
    },
    async clock() {
      return undefined;
    },
    async flush() {},
    async close() {},
  };
}
