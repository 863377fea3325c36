import type { Algorithm } from '../compress/codec.ts';
import { joinPages, type Ordered } from '../merge.ts';
import type { PlaceOptions } from '../options.ts';
import { compareKeys } from '../order.ts';
import type { ObjectStore, StoredObject } from '../store/store.ts';
import { isAmbiguous, isPlain, type Key, metricOf, parseKey, pythonNameOf, rootOf } from './layout.ts';
import { listBelow } from './listing.ts';
import type { PartitionRecorder } from './partitions.ts';

/** One stored copy of one metric. */
export interface Backup {
  readonly kind: 'single' | 'pair';
  readonly time: Date;
  readonly algorithm: Algorithm;
  /** The compressed data. */
  readonly object: StoredObject;
  /** Of the uncompressed file; a pair does not tell it by name. */
  readonly sha1?: string;
  /** A pair's checksum object. */
  readonly sha1Object?: StoredObject;
}

export interface Tombstone {
  readonly time: Date;
  readonly object: StoredObject;
}

/** All that a bucket holds of one metric. */
export interface StoredMetric extends Ordered {
  readonly metric: string;
  readonly path: string;
  /** Ascending by time. */
  readonly backups: readonly Backup[];
  /** Ascending by time. */
  readonly tombstones: readonly Tombstone[];
  /** Data that is no backup: of a pair without its checksum, or empty. */
  readonly leftovers: readonly StoredObject[];
  /** Checksums of pairs without data: damage. */
  readonly loneSha1s: readonly StoredObject[];
}

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

/**
 * Streams the metrics of a bucket in key order, each with all its backups.
 *
 * Most of what the Python tool wrote stands where ours does, in one group. Two kinds stand elsewhere in the order and
 * are brought together by path: keys with a leading `/` (the default storage path of some of its versions; a second
 * listing, merged), and pairs of the few names that we escape (`a%2Eb`: looked up one by one). A pair of the latter
 * kind for which we hold nothing else comes at its own place, with an `order` right behind that of the metric whose place
 * it is: so it is never taken for that one.
 */
export async function* catalog(
  store: ObjectStore,
  place: PlaceOptions,
  events: CatalogEvents,
): AsyncGenerator<StoredMetric> {
  for await (const metrics of catalogPages(store, place, events)) {
    for (const metric of metrics) {
      events.signal?.throwIfAborted();
      yield metric;
    }
  }
}

/** The same in arrays of neighbours. */
export async function* catalogPages(
  store: ObjectStore,
  place: PlaceOptions,
  events: CatalogEvents,
): AsyncGenerator<readonly StoredMetric[]> {
  for await (const groups of await groupPages(store, rootOf(place), events)) {
    const metrics: StoredMetric[] = [];
    for (const group of groups) {
      const first = group.entries[0]?.path ?? '';
      if (isPlain(first) && group.entries.every((entry) => entry.path === first))
        metrics.push(assemble(first, group.order, group.entries));
      else metrics.push(...(await sortedOut(group, store, place, events.signal)));
    }
    yield metrics;
  }
}

/** The metrics of a group in which several are mixed, or of which there is more elsewhere. */
async function sortedOut(
  group: Group,
  store: ObjectStore,
  place: PlaceOptions,
  signal: AbortSignal | undefined,
): Promise<StoredMetric[]> {
  const metrics: StoredMetric[] = [];
  const paths = [...new Set(group.entries.map((entry) => entry.path))];
  const isAtHome = (path: string) => metricOf(path) === group.name;
  for (const path of paths.toSorted((a, b) => Number(isAtHome(b)) - Number(isAtHome(a)))) {
    if (!hasPairsElsewhere(path)) {
      const entries = group.entries.filter((entry) => entry.path === path);
      metrics.push(assemble(path, group.order, entries));
      continue;
    }
    const whole = await lookup(store, place, path, signal);
    // The escaped name is where the metric belongs; its pairs come along there, and are passed over here.
    if (isAtHome(path)) metrics.push(assemble(path, group.order, whole));
    else if (!whole.some((entry) => isOurs(entry.key))) metrics.push(assemble(path, `${group.order}/`, whole));
  }
  return metrics;
}

/** All that a bucket holds of one metric, by listings of its own. */
export async function findMetric(
  store: ObjectStore,
  place: PlaceOptions,
  path: string,
  signal?: AbortSignal,
): Promise<StoredMetric | undefined> {
  const entries = await lookup(store, place, path, signal);
  return entries.length === 0 ? undefined : assemble(path, `${metricOf(path)}/`, entries);
}

/**
 * Whether pairs of this path stand under another name than our backups of it. A path with a dot has no pairs at all:
 * the name the Python tool gave it reads back as another path.
 */
export function hasPairsElsewhere(path: string): boolean {
  return !isPlain(path) && !isAmbiguous(path) && metricOf(path) !== pythonNameOf(path);
}

/** One object of a metric, its key read. */
interface Entry {
  readonly key: Extract<Key, { path: string }>;
  readonly path: string;
  readonly object: StoredObject;
}

/** The objects under one name, in which paths may still be mixed: ours escaped, pairs as they stand. */
interface Group extends Ordered {
  readonly name: string;
  readonly entries: Entry[];
}

function isOurs(key: Key): boolean {
  return key.kind === 'backup' || key.kind === 'tombstone';
}

async function lookup(
  store: ObjectStore,
  place: PlaceOptions,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Entry[]> {
  const root = rootOf(place);
  const names = new Set([metricOf(path), pythonNameOf(path)]);
  const prefixes = [...names].map((name) => ({ root, name }));
  if (root === '') prefixes.push({ root: '/', name: pythonNameOf(path) });
  const entries: Entry[] = [];
  for (const { root, name } of prefixes) {
    for await (const object of store.list({ prefix: `${root}${name}/`, ...(signal && { signal }) })) {
      const key = parseKey(object.key.slice(root.length));
      if ('path' in key && key.path === path && (root !== '/' || !isOurs(key))) entries.push({ key, path, object });
    }
  }
  return entries;
}

/** The groups of the listing, and where the root is empty those of the keys with a leading slash, if any, merged. */
async function groupPages(
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

/** Sorts out one metric's objects. A pair exists when both its objects do and the data is not empty. */
function assemble(path: string, order: string, entries: readonly Entry[]): StoredMetric {
  const backups: Backup[] = [];
  const tombstones: Tombstone[] = [];
  const leftovers: StoredObject[] = [];
  // Most metrics have no pairs, and most come in the order of their names.
  const sha1s = entries.some(({ key }) => key.kind === 'pair-sha1') ? sha1sOf(entries) : undefined;
  const paired = new Set<string>();
  for (const { key, object } of entries) {
    if (key.kind === 'tombstone') tombstones.push({ time: key.time, object });
    if (key.kind !== 'backup' && key.kind !== 'pair-data') continue;
    const { time, algorithm } = key;
    if (object.size === 0) leftovers.push(object);
    else if (key.kind === 'backup') backups.push({ kind: 'single', time, algorithm, object, sha1: key.sha1 });
    else {
      const stem = stemOf(object);
      const sha1Object = sha1s?.get(stem);
      if (!sha1Object) leftovers.push(object);
      else {
        paired.add(stem);
        backups.push({ kind: 'pair', time, algorithm, object, sha1Object });
      }
    }
  }
  const loneSha1s = [...(sha1s ?? [])].filter(([stem]) => !paired.has(stem)).map(([, object]) => object);
  backups.sort((a, b) => a.time.getTime() - b.time.getTime());
  tombstones.sort((a, b) => a.time.getTime() - b.time.getTime());
  return { metric: metricOf(path), path, order, backups, tombstones, leftovers, loneSha1s };
}

/** The checksums of pairs, by what they share with their data. */
function sha1sOf(entries: readonly Entry[]): Map<string, StoredObject> {
  const sha1s = new Map<string, StoredObject>();
  for (const { key, object } of entries) if (key.kind === 'pair-sha1') sha1s.set(stemOf(object), object);
  return sha1s;
}

/** What the two keys of a pair have in common: all up to the timestamp's end. */
function stemOf(object: StoredObject): string {
  return object.key.replace(/\.(?:wsp\.\w+|sha1)$/, '');
}
