import type { PlaceOptions } from '../common/options.ts';
import type { ObjectStore } from '../store/store.ts';
import { type CatalogEvents, type Group, groupPages, isOurs } from './groups.ts';
import { isAmbiguous, isPlain, metricOf, parseKey, pythonNameOf, rootOf } from './layout.ts';
import { assemble, type Entry, type StoredMetric } from './metric.ts';

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
