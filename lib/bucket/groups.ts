import { joinPages, type Ordered } from '../common/merge.ts';
import { compareKeys } from '../common/order.ts';
import type { ObjectStore } from '../store/store.ts';
import { type Key, parseKey } from './layout.ts';
import { listBelow } from './listing.ts';
import type { Entry } from './metric.ts';
import type { PartitionRecorder } from './partitions.ts';

/** What a catalog tells besides the metrics. */
export interface CatalogEvents {
  /** A key that is not ours; it is left alone. */
  readonly onForeign?: (key: string) => void;
  /** A key below `.whisper-backup/`: no metric's. */
  readonly onOwn?: (key: string) => void;
  /** The listing did not ascend, so it cannot be trusted to be whole. */
  readonly onDisorder: (previous: string, key: string) => void;
  /** Learns where the bucket can be cut. */
  readonly partitions?: PartitionRecorder;
  readonly signal?: AbortSignal;
}

/** The objects under one name, in which paths may still be mixed: ours escaped, pairs as they stand. */
export interface Group extends Ordered {
  readonly name: string;
  readonly entries: Entry[];
}

/** The groups of the listing, and where the root is empty those of the keys with a leading slash, if any, merged. */
export async function groupPages(
  store: ObjectStore,
  root: string,
  events: CatalogEvents,
): Promise<AsyncIterable<readonly Group[]>> {
  const plain = groupsBelow(store, root, events);
  if (root !== '') return plain;
  const slashed = groupsBelow(store, '/', events);
  for (;;) {
    const first = await slashed.next();
    if (first.done) return plain;
    if (first.value.length > 0) return merged(plain, startingWith(first.value, slashed));
  }
}

async function* merged(
  plain: AsyncIterable<readonly Group[]>,
  slashed: AsyncIterable<readonly Group[]>,
): AsyncGenerator<readonly Group[]> {
  for await (const steps of joinPages(plain, slashed)) {
    yield steps.map(({ left, right }) => {
      if (!left) return right;
      return right ? { ...left, entries: [...left.entries, ...right.entries] } : left;
    });
  }
}

async function* startingWith<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

/** Those that a page of the listing completes, at each step. */
async function* groupsBelow(
  store: ObjectStore,
  root: string,
  events: CatalogEvents,
): AsyncGenerator<readonly Group[], void, void> {
  const { onForeign, onOwn, onDisorder, partitions, signal } = events;
  const recorder = root === '/' ? undefined : partitions;
  const onPartitions = recorder && { onPartitions: recorder.found.bind(recorder) };
  let group: Group | undefined;
  let previous = '';
  for await (const objects of listBelow(store, root, { ...onPartitions, ...(signal && { signal }) })) {
    const groups: Group[] = [];
    for (const object of objects) {
      if (compareKeys(previous, object.key) >= 0 && previous !== '') onDisorder(previous, object.key);
      previous = object.key;
      // The other listing tells of these.
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
          recorder?.metric(group.order, group.entries.length);
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
    recorder?.metric(group.order, group.entries.length);
    yield [group];
  }
}

/** Whether a key is one that we give, not the Python tool. */
export function isOurs(key: Key): boolean {
  return key.kind === 'backup' || key.kind === 'tombstone';
}
