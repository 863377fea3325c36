import { rootOf } from '../../bucket/layout.ts';
import type { Backup, StoredMetric } from '../../bucket/metric.ts';
import { isKnownSame } from '../../bucket/same-content.ts';
import { ByteBudget } from '../../common/byte-budget.ts';
import type { WithDefaults } from '../../common/defaults.ts';
import { codeOf, reasonOf } from '../../common/errors.ts';
import type { PlaceOptions, RunOptions, TreeOptions } from '../../common/options.ts';
import { isMarkedGone } from '../../expiry/tombstone.ts';
import type { ObjectStore } from '../../store/store.ts';
import type { LocalFile } from '../../tree/walk.ts';
import { type LoadOptions, WorkerPool } from '../../workers/pool.ts';
import type { FileToStore, StoredFile, StoreRules } from '../../workers/tasks/store-files.ts';

export type UploadOptions = WithDefaults<RunOptions & PlaceOptions & TreeOptions & LoadOptions> &
  Pick<StoreRules, 'layout' | 'format' | 'includeDamaged' | 'replacedAt'>;

interface LocalAndStored {
  readonly local: LocalFile;
  readonly stored: StoredMetric | undefined;
  /** The backup must be later than this. @default later than its newest backup */
  readonly after?: Date;
  /** Store it even if it equals its newest backup. @default false */
  readonly anew?: boolean;
}

/** Backs up files in worker threads, within the memory budget. */
export class Uploads {
  readonly pool: WorkerPool;
  readonly #options: UploadOptions;
  readonly #rules: StoreRules;
  readonly #budget: ByteBudget;

  constructor(store: ObjectStore, options: UploadOptions) {
    this.#options = options;
    const { layout, format, includeDamaged, replacedAt, flock, fileLockTimeout } = options;
    const common = { root: rootOf(options), layout, format, includeDamaged, flock, fileLockTimeout };
    this.#rules = { ...common, ...(replacedAt && { replacedAt }) };
    this.#budget = new ByteBudget(options.bytesInFlight);
    this.pool = new WorkerPool(options, store);
  }

  /** How many batches to store at once, so that processors and network are busy. */
  get concurrency(): number {
    return this.pool.concurrency;
  }

  /** Starts threads before the first batch. @param batches as for `WorkerPool.start`. */
  start(batches?: number): void {
    this.pool.start(batches);
  }

  /**
   * Returns whether the listing shows that a file is the same as its newest backup.
   *
   * @param sha1 of the file, from the stat cache.
   */
  isStored(sha1: string, stored: StoredMetric | undefined): boolean {
    const newest = this.#comparable(stored);
    return newest !== undefined && isKnownSame(sha1, newest);
  }

  /** Stores files. Returns results in the order of the files; if the run was stopped, these are failures. */
  async storeFiles(files: readonly LocalAndStored[]): Promise<StoredFile[]> {
    const tasks = files.map((file) => this.#taskOf(file));
    // The compressed file may be as large as the file itself.
    const bytes = 2 * files.reduce((sum, { local }) => sum + (local.stat?.size ?? 0), 0);
    try {
      return await this.#budget.run(bytes, () => this.pool.run('storeFiles', { files: tasks, rules: this.#rules }));
    } catch (error) {
      // The thread died, e.g. out of memory. Other threads continue.
      return files.map(() => ({ outcome: 'failed', code: codeOf(error), reason: reasonOf(error) }));
    }
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  #taskOf({ local, stored, after, anew = false }: LocalAndStored): FileToStore {
    const newest = anew ? undefined : this.#comparable(stored);
    const last = stored?.backups.at(-1)?.time;
    const newestTime = after && (!last || after > last) ? after : last;
    return { file: local.file, path: local.path, ...(newest && { newest }), ...(newestTime && { newestTime }) };
  }

  /**
   * Returns the newest backup with which to compare the file. In the layout of the Python tool only pairs count,
   * because that tool does not read our backups.
   */
  #comparable(stored: StoredMetric | undefined): Backup | undefined {
    if (stored && stored.tombstones.length > 0 && isMarkedGone(stored, this.#options.now())) return undefined;
    if (this.#options.layout === 'native') return stored?.backups.at(-1);
    return stored?.backups.findLast((backup) => backup.kind === 'pair');
  }
}
