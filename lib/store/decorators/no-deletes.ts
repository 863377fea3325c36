import { PermanentError } from '../errors.ts';
import type { ObjectStore } from '../store.ts';
import { around } from './around.ts';

/** Wraps a store so that it deletes nothing, for hosts whose credentials must not be able to destroy backups. */
export function withoutDeletes(store: ObjectStore): ObjectStore {
  const { sweep: _, ...kept } = around(store, {
    mayDelete: false,
    async delete() {
      throw new PermanentError(`Cannot delete objects from ${store.name}: 'deletes' is never on this host`);
    },
  });
  return kept;
}
