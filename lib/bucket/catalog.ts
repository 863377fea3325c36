import type { PlaceOptions } from '../common/options.ts';
import type { ObjectStore } from '../store/store.ts';
import { type CatalogEvents, type Group, groupPages, isOurs } from './groups.ts';
import { isAmbiguous, isPlain, metricOf, parseKey, pythonNameOf, rootOf } from './layout.ts';
import { assemble, type Entry, type StoredMetric } from './metric.ts';

/**
 * Streams the metrics of a bucket in key order, by the page, each with all its backups.
 *
 * Most keys of the Python tool are in the same group as ours. Two kinds are not, and are found by path: keys with a
 * leading `/` (the default storage path of some of its versions) come from a second listing that is merged; pairs of
 * the few names that we escape (`a%2Eb`) are looked up one by one. If such a pair is all that the bucket has of its
 * metric, it is yielded where its keys are, with an `order` after that of the metric that has this name.
 */
export async function* catalog(
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
      else metrics.push(...(await separate(group, store, place, events.signal)));
    }
    yield metrics;
  }
}

/** Separates the metrics of a group that share a name, and adds their pairs from elsewhere in the bucket. */
async function separate(
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
    // A metric belongs to its escaped name. If we have backups there, it is yielded there with its pairs, and not here.
    if (isAtHome(path)) metrics.push(assemble(path, group.order, whole));
    else if (!whole.some((entry) => isOurs(entry.key))) metrics.push(assemble(path, `${group.order}/`, whole));
  }
  return metrics;
}

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
 * Returns whether the pairs of a path have another name than our backups of it. A path with a dot has no pairs, because
 * its name in the Python tool is that of another path.
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
