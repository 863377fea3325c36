import { ownPrefix, parseKey, rootOf } from '../../bucket/layout.ts';
import type { PlaceOptions } from '../../common/options.ts';
import type { ObjectStore } from '../../store/store.ts';

/** Returns whether a bucket has any backup, as a rule with one request. @throws StoreError */
export async function hasBackup(
  store: ObjectStore,
  options: PlaceOptions & { readonly signal: AbortSignal },
): Promise<boolean> {
  const root = rootOf(options);
  const { signal } = options;
  const own = ownPrefix(root);
  // The objects of the tool itself are between the others.
  const ranges = [{ startAfter: `${own.slice(0, -1)}0` }, { endBefore: own }];
  for (const range of ranges) {
    for await (const { key } of store.list({ prefix: root, ...range, signal })) {
      const { kind } = parseKey(key.slice(root.length).replace(root === '' ? /^\// : '', ''));
      if (kind === 'backup' || kind === 'pair-data') return true;
    }
  }
  return false;
}
