import { join, type Ordered } from '../common/merge.ts';
import { compareKeys } from '../common/order.ts';
import type { ObjectStore } from '../store/store.ts';
import { type Key, parseKey } from './layout.ts';
import { listBelow } from './listing.ts';
import type { Entry } from './metric.ts';
import type { PartitionRecorder } from './partitions.ts';

export interface CatalogEvents {
  readonly onForeign?: (key: string) => void;
  readonly onOwn?: (key: string) => void;
  /** Called if the listing does not ascend. It may be incomplete then. */
  readonly onDisorder: (previous: string, key: string) => void;
  readonly partitions?: PartitionRecorder;
  readonly signal?: AbortSignal;
}

/**
 * The objects under one name. It may be that of several paths, because our names are escaped and those of pairs are
 * not.
 */
export interface Group extends Ordered {
  readonly name: string;
  readonly entries: Entry[];
}

/** Returns the groups of the listing. If the root is empty, merges those of keys with a leading slash, if any. */
export async function groupPages(
  store: ObjectStore,
  root: string,
  events: CatalogEvents,
): Promise<{ readonly pages: AsyncIterable<readonly Group[]>; readonly hasSlashed: boolean }> {
  const plain = groupsBelow(store, root, events);
  if (root !== '') return { pages: plain, hasSlashed: false };
  const slashed = groupsBelow(store, '/', events);
  for (;;) {
    const first = await slashed.next();
    if (first.done) return { pages: plain, hasSlashed: false };
    if (first.value.length > 0) return { pages: merge(plain, prepend(first.value, slashed)), hasSlashed: true };
  }
}

async function* merge(
  plain: AsyncIterable<readonly Group[]>,
  slashed: AsyncIterable<readonly Group[]>,
): AsyncGenerator<readonly Group[]> {
  for await (const steps of join(plain, slashed)) {
    yield steps.map(({ left, right }) => {
      if (!left) return right;
      return right ? { ...left, entries: [...left.entries, ...right.entries] } : left;
    });
  }
}

async function* prepend<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

/** Yields after each page of the listing the groups that are complete. */
async function* groupsBelow(
  store: ObjectStore,
  root: string,
  events: CatalogEvents,
): AsyncGenerator<readonly Group[], void, void> {
  const { onForeign, onOwn, onDisorder, partitions, signal } = events;
  const recorder = root === '/' ? undefined : partitions;
  const onPartitions = recorder && { onPartitions: recorder.recordFile.bind(recorder) };
  let group: Group | undefined;
  let previous = '';
  for await (const objects of listBelow(store, root, { ...onPartitions, ...(signal && { signal }) })) {
    const groups: Group[] = [];
    for (const object of objects) {
      if (compareKeys(previous, object.key) >= 0 && previous !== '') onDisorder(previous, object.key);
      previous = object.key;
      // The other listing has these keys.
      if (root === '' && object.key.startsWith('/')) continue;
      const rest = object.key.slice(root.length);
      const key = parseKey(rest);
      if (key.kind === 'own') {
        onOwn?.(object.key);
        continue;
      }
      if (key.kind === 'foreign' || (root === '/' && isOurs(key))) {
        onForeign?.(object.key);
        continue;
      }
      if (!group || !rest.startsWith(group.order)) {
        if (group) {
          recorder?.recordMetric(group.order, group.entries.length);
          groups.push(group);
        }
        const name = rest.slice(0, rest.indexOf('/'));
        group = { name, order: `${name}/`, entries: [] };
      }
      group.entries.push({ key, path: key.path, object });
    }
    if (groups.length > 0) yield groups;
  }
  if (group) {
    recorder?.recordMetric(group.order, group.entries.length);
    yield [group];
  }
}

/** Returns whether a key of a metric is of this product, not of the Python tool. */
export function isOurs(key: Key): boolean {
  return key.kind === 'backup' || key.kind === 'replaced' || key.kind === 'tombstone';
}
