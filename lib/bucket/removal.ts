import { reasonOf } from '../common/errors.ts';
import { StoreError } from '../store/errors.ts';
import type { DeleteFailure, ObjectStore } from '../store/store.ts';
import type { Backup, StoredMetric } from './metric.ts';

/** The keys of one metric to delete, in three stages. A stage is completed for the whole batch before the next one. */
export interface Removal {
  readonly metric: string;
  /** First, because a checksum without its data would look like damage. */
  readonly sha1s: readonly string[];
  readonly data: readonly string[];
  /** Last, so that the next purge continues an interrupted one. */
  readonly tombstones: readonly string[];
}

/**
 * Returns what to delete of a metric that is purged: everything, or all but the held backups. Then its tombstones stay, so
 * that its absence still counts from them.
 */
export function removalOf(stored: StoredMetric, held: ReadonlyMap<Backup, string>): Removal {
  const all = [...stored.backups, ...stored.replaced];
  const backups = held.size > 0 ? all.filter((backup) => !held.has(backup)) : all;
  const pairs = backups.map((backup) => backup.sha1Object).filter((object) => object !== undefined);
  return {
    metric: stored.metric,
    sha1s: [...pairs, ...stored.loneSha1s].map((object) => object.key),
    data: [...backups.map((backup) => backup.object), ...stored.leftovers].map((object) => object.key),
    tombstones: held.size > 0 ? [] : stored.tombstones.map((tombstone) => tombstone.object.key),
  };
}

export function isEmpty({ sha1s, data, tombstones }: Removal): boolean {
  return sha1s.length + data.length + tombstones.length === 0;
}

/** The limit of one S3 request; that of Swift is higher. */
const BATCH_KEYS = 1000;

/** Collects removals and executes them in batches. */
export class Remover {
  readonly #store: ObjectStore;
  readonly #signal: AbortSignal | undefined;
  readonly #onFailure: (metric: string, reason: string) => void;
  readonly #mayDelete: () => Promise<boolean>;
  #isStopped = false;
  #batch: Removal[] = [];
  #keys = 0;
  deleted = 0;

  constructor(
    store: ObjectStore,
    options: {
      readonly signal?: AbortSignal;
      readonly onFailure: (metric: string, reason: string) => void;
      /** Called before each batch: if it returns false, nothing more is deleted. @default always true */
      readonly mayDelete?: () => Promise<boolean>;
    },
  ) {
    this.#store = store;
    this.#signal = options.signal;
    this.#onFailure = options.onFailure;
    this.#mayDelete = options.mayDelete ?? (async () => true);
  }

  async add(removal: Removal): Promise<void> {
    const keys = removal.sha1s.length + removal.data.length + removal.tombstones.length;
    if (keys === 0) return;
    this.#batch.push(removal);
    this.#keys += keys;
    if (this.#keys >= BATCH_KEYS) await this.flush();
  }

  /** Executes the collected removals. If a key cannot be deleted, the later stages of its metric are skipped. */
  async flush(): Promise<void> {
    let batch = this.#batch;
    this.#batch = [];
    this.#keys = 0;
    if (batch.length === 0 || this.#isStopped) return;
    this.#isStopped = !(await this.#mayDelete());
    if (this.#isStopped) return;
    for (const stage of ['sha1s', 'data', 'tombstones'] as const) {
      const keys = batch.flatMap((removal) => removal[stage]);
      if (keys.length === 0) continue;
      const failures = await this.#delete(keys);
      this.deleted += keys.length - failures.length;
      const failed = new Map(failures.map((failure) => [failure.key, failure.error]));
      batch = batch.filter((removal) => {
        const key = removal[stage].find((key) => failed.has(key));
        if (key !== undefined) this.#onFailure(removal.metric, `Cannot delete ${key}: ${reasonOf(failed.get(key))}`);
        return key === undefined;
      });
    }
  }

  /** If the whole request fails, reports a failure for each of its keys. */
  async #delete(keys: readonly string[]): Promise<DeleteFailure[]> {
    try {
      return await this.#store.delete(keys, { ...(this.#signal && { signal: this.#signal }) });
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (!(error instanceof StoreError)) throw error;
      return keys.map((key) => ({ key, error }));
    }
  }
}
