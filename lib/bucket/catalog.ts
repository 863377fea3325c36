import type { PlaceOptions } from '../common/options.ts';
import type { ObjectStore } from '../store/store.ts';
import { type CatalogEvents, type Group, groupPages, isOurs } from './groups.ts';
import { parseKey, rootOf } from './layout.ts';
import { assemble, type Entry, type StoredMetric } from './metric.ts';
import { isAmbiguous, isPlain, metricOf, pythonNameOf } from './metric-name.ts';

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
  elsewhere: PairsElsewhere = new PairsElsewhere(store, place, events.signal),
): AsyncGenerator<readonly StoredMetric[]> {
  const { pages, hasSlashed } = await groupPages(store, rootOf(place), events);
  elsewhere.hasSlashed = hasSlashed;
  for await (const groups of pages) {
    const metrics: StoredMetric[] = [];
    for (const group of groups) {
      const first = group.entries[0]?.path ?? '';
      if (isPlain(first) && group.entries.every((entry) => entry.path === first))
        metrics.push(assemble(first, group.order, group.entries));
      else metrics.push(...(await separate(group, elsewhere)));
    }
    yield metrics;
  }
}

/** Separates the metrics of a group that share a name, and adds their pairs from elsewhere in the bucket. */
async function separate(group: Group, elsewhere: PairsElsewhere): Promise<StoredMetric[]> {
  const metrics: StoredMetric[] = [];
  const paths = [...new Set(group.entries.map((entry) => entry.path))];
  const isAtHome = (path: string) => metricOf(path) === group.name;
  for (const path of paths.toSorted((a, b) => Number(isAtHome(b)) - Number(isAtHome(a)))) {
    const entries = group.entries.filter((entry) => entry.path === path);
    if (!hasPairsElsewhere(path)) {
      metrics.push(assemble(path, group.order, entries));
      continue;
    }
    // A metric belongs to its escaped name. If we have backups there, it is yielded there with its pairs, and not here.
    if (isAtHome(path)) {
      metrics.push(assemble(path, group.order, [...entries, ...(await elsewhere.entries(path))]));
      continue;
    }
    const whole = await elsewhere.allEntries(path);
    if (!whole.some((entry) => isOurs(entry.key))) metrics.push(assemble(path, `${group.order}/`, whole));
  }
  return metrics;
}

export async function findMetric(
  store: ObjectStore,
  place: PlaceOptions,
  path: string,
  signal?: AbortSignal,
): Promise<StoredMetric | undefined> {
  const entries = await new PairsElsewhere(store, place, signal).allEntries(path);
  return entries.length === 0 ? undefined : assemble(path, `${metricOf(path)}/`, entries);
}

/**
 * Returns whether the pairs of a path have another name than our backups of it. A path with a dot has no pairs, because
 * its name in the Python tool is that of another path.
 */
export function hasPairsElsewhere(path: string): boolean {
  return !isPlain(path) && !isAmbiguous(path) && metricOf(path) !== pythonNameOf(path);
}

/** Looks up objects of single metrics, with a listing for each name that they may have. */
export class PairsElsewhere {
  /** Whether the bucket has keys with a leading slash. */
  hasSlashed = true;
  readonly #store: ObjectStore;
  readonly #root: string;
  readonly #signal: AbortSignal | undefined;

  constructor(store: ObjectStore, place: PlaceOptions, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#root = rootOf(place);
    this.#signal = signal;
  }

  /** Finds the pairs of a metric, if their name is not that of our backups; see {@link hasPairsElsewhere}. */
  async find(path: string): Promise<StoredMetric | undefined> {
    const entries = await this.entries(path);
    return entries.length === 0 ? undefined : assemble(path, `${metricOf(path)}/`, entries);
  }

  async entries(path: string): Promise<Entry[]> {
    const name = pythonNameOf(path);
    const entries = await this.#list(this.#root, name, path);
    if (this.#root === '' && this.hasSlashed) entries.push(...(await this.#list('/', name, path)));
    return entries;
  }

  /** Includes our own backups. */
  async allEntries(path: string): Promise<Entry[]> {
    const isOneName = metricOf(path) === pythonNameOf(path);
    const own = isOneName ? [] : await this.#list(this.#root, metricOf(path), path);
    return [...own, ...(await this.entries(path))];
  }

  async #list(root: string, name: string, path: string): Promise<Entry[]> {
    const entries: Entry[] = [];
    const range = { prefix: `${root}${name}/`, ...(this.#signal && { signal: this.#signal }) };
    for await (const object of this.#store.list(range)) {
      const key = parseKey(object.key.slice(root.length));
      if ('path' in key && key.path === path && (root !== '/' || !isOurs(key))) entries.push({ key, path, object });
    }
    return entries;
  }
}
