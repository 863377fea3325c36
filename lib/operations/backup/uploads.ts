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
  Pick<StoreRules, 'layout' | 'format' | 'includeDamaged'>;

/** A file, and what the store has of it. */
interface LocalAndStored {
  readonly local: LocalFile;
  readonly stored: StoredMetric | undefined;
}

/** Backs up files in worker threads, so many at once that both processors and network have work. */
export class Uploads {
  readonly #options: UploadOptions;
  readonly #rules: StoreRules;
  readonly #pool: WorkerPool;
  readonly #budget: ByteBudget;

  constructor(store: ObjectStore, options: UploadOptions) {
    this.#options = options;
    const { layout, format, includeDamaged, flock, fileLockTimeout } = options;
    this.#rules = { root: rootOf(options), layout, format, includeDamaged, flock, fileLockTimeout };
    this.#budget = new ByteBudget(options.bytesInFlight);
    this.#pool = new WorkerPool(options, store);
  }

  /** How many batches to store at once. */
  get concurrency(): number {
    return this.#pool.concurrency;
  }

  /** May be called ahead of the first files. @param batches how many of them are sure to come. Without it, many. */
  start(batches?: number): void {
    this.#pool.start(batches);
  }

  /**
   * Whether a file is known to be the same as its newest backup, so that there is nothing to do for it.
   *
   * @param sha1 of the file, as remembered.
   */
  isStored(sha1: string, stored: StoredMetric | undefined): boolean {
    const newest = this.#comparable(stored);
    return newest !== undefined && isKnownSame(sha1, newest);
  }

  /** Stores files. Results come in the order of the files; once the run is to stop, they have failed. */
  async storeFiles(files: readonly LocalAndStored[]): Promise<StoredFile[]> {
    const tasks = files.map((file) => this.#taskOf(file));
    // At worst they are compressed to as much again.
    const bytes = 2 * files.reduce((sum, { local }) => sum + (local.stat?.size ?? 0), 0);
    try {
      return await this.#budget.run(bytes, () => this.#pool.run('storeFiles', { files: tasks, rules: this.#rules }));
    } catch (error) {
      // The thread died, say of a file too large for its memory: the others go on.
      return files.map(() => ({ outcome: 'failed', code: codeOf(error), reason: reasonOf(error) }));
    }
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #taskOf({ local, stored }: LocalAndStored): FileToStore {
    const newest = this.#comparable(stored);
    const newestTime = stored?.backups.at(-1)?.time;
    return { file: local.file, path: local.path, ...(newest && { newest }), ...(newestTime && { newestTime }) };
  }

  /** The Python tool knows nothing of our backups: for its layout only its pairs count. */
  #comparable(stored: StoredMetric | undefined): Backup | undefined {
    if (stored && stored.tombstones.length > 0 && isMarkedGone(stored, this.#options.now())) return undefined;
    if (this.#options.layout === 'native') return stored?.backups.at(-1);
    return stored?.backups.findLast((backup) => backup.kind === 'pair');
  }
}
