import type { ObjectStore } from './store.ts';

/** Returns whether a listing has a key. @throws StoreError if it cannot be listed. */
export async function isListed(store: ObjectStore, key: string, signal: AbortSignal): Promise<boolean> {
  for await (const found of store.list({ prefix: key, signal })) if (found.key === key) return true;
  return false;
}
