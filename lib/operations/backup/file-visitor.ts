import type { StoredMetric } from '../../bucket/metric.ts';
import type { CacheEntry } from '../../statcache/entry.ts';
import type { StatCache } from '../../statcache/stat-cache.ts';
import type { BlindSpot, LocalFile } from '../../tree/walk.ts';
import type { StoredFile } from '../../workers/tasks/store-files.ts';
import type { Expiry } from '../purge/expiry.ts';
import type { Run } from '../shared/run.ts';
import { SecondPass } from '../shared/second-pass.ts';
import type { Surveyed } from '../shared/survey.ts';
import { countStored } from './count-stored.ts';
import type { NameCheck } from './name-check.ts';
import type { Uploads } from './uploads.ts';

export interface Found {
  readonly item: Surveyed | BlindSpot;
  readonly local?: LocalFile;
  readonly stored?: StoredMetric;
  /** Entry of the stat cache, if it shows that the local file is the same as its newest backup. */
  readonly same?: CacheEntry;
}

/** The next entry of the stat cache for a local file; undefined for none. */
interface Visited {
  readonly order: string;
  readonly entry: CacheEntry | undefined;
}

/** Counts small files as this many bytes, which limits the number of files in a batch. */
const MIN_WEIGHT = 2 ** 17;

/** Estimates how many bytes of a file will be read. */
export function weightOf({ local, same }: Found): number {
  return local && !same ? Math.max(MIN_WEIGHT, local.stat?.size ?? 0) : 0;
}

/** Stores files that differ from their newest backup, counts them, and passes their backups to expiry. */
export class FileVisitor {
  readonly #run: Run;
  readonly #uploads: Uploads;
  readonly #cache: StatCache<CacheEntry>;
  readonly #expiry: Expiry;
  readonly #names: NameCheck;
  readonly #later: SecondPass<Found>;

  constructor(run: Run, uploads: Uploads, cache: StatCache<CacheEntry>, expiry: Expiry, names: NameCheck) {
    this.#run = run;
    this.#uploads = uploads;
    this.#cache = cache;
    this.#expiry = expiry;
    this.#names = names;
    this.#later = new SecondPass(run);
  }

  /** Looks up in the stat cache which files are the same as their newest backup. */
  async *lookUp(pages: AsyncIterable<readonly (Surveyed | BlindSpot)[]>): AsyncGenerator<readonly Found[]> {
    for await (const items of pages) {
      const found: Found[] = [];
      for (const item of items) {
        const { local, stored } = item.kind === 'metric' ? item : {};
        if (stored) this.#names.listed(stored);
        const looked = local && this.#cache.find(local);
        // Awaiting each file would take longer than the lookup.
        const cached = looked instanceof Promise ? await looked : looked;
        const same = cached && this.#uploads.isStored(cached.sha1, stored) ? cached : undefined;
        // Start a worker while the survey continues.
        if (local && !same) this.#uploads.start(1);
        found.push({ item, ...(local && { local }), ...(stored && { stored }), ...(same && { same }) });
      }
      yield found;
    }
  }

  /** The files whose upload failed, but may succeed now that all others were visited. */
  again(): AsyncGenerator<readonly Found[]> {
    return this.#later.again();
  }

  async visit(batch: readonly Found[]): Promise<readonly Visited[]> {
    const results = await this.#results(batch);
    const visited: Visited[] = [];
    for (const [i, found] of batch.entries()) {
      const { item, local, stored } = found;
      if (item.kind === 'blind') {
        this.#run.failBlind(item);
        continue;
      }
      const result = results[i];
      if (result?.outcome === 'failed' && this.#later.defer(found, result.code)) {
        if (local) visited.push({ order: local.order, entry: undefined });
        continue;
      }
      if (result && !this.#run.options.signal.aborted) this.#count(item.metric, result);
      const added = result?.outcome === 'stored' ? [result.backup] : [];
      if (stored) await this.#expiry.evaluate(item, { ...stored, backups: [...stored.backups, ...added] });
      if (local) visited.push({ order: local.order, entry: result && entryOf(local.order, result) });
    }
    return visited;
  }

  /** Returns the results in the order of the batch; undefined without a local file. */
  async #results(batch: readonly Found[]): Promise<readonly (StoredFile | undefined)[]> {
    const changed = batch.flatMap(({ local, stored, same }) => (local && !same ? [{ local, stored }] : []));
    const stored = changed.length > 0 ? await this.#uploads.storeFiles(changed) : [];
    let next = 0;
    return batch.map(({ local, same }) => (same ? unchanged(same) : local && stored[next++]));
  }

  #count(metric: string, result: StoredFile): void {
    const run = this.#run;
    run.add('metrics');
    countStored(metric, result, run);
    if (result.outcome === 'stored') this.#names.stored(result.backup.object.key);
  }
}

function unchanged({ sha1, ...stat }: CacheEntry): StoredFile {
  return { outcome: 'unchanged', sha1, bytes: 0, stat };
}

function entryOf(order: string, result: StoredFile): CacheEntry | undefined {
  return 'stat' in result && result.stat ? { ...result.stat, order, sha1: result.sha1 } : undefined;
}
