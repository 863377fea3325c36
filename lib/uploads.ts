import { stat } from 'node:fs/promises';
import type { Backup, StoredMetric } from './bucket/catalog.ts';
import { rootOf } from './bucket/layout.ts';
import { ByteBudget } from './bytebudget.ts';
import type { FormatOptions, LoadOptions, PlaceOptions, RunOptions, TreeOptions } from './options.ts';
import type { ObjectStore } from './store/store.ts';
import { isKnownSame, type StoredFile, type StoreFileTask, storeFile } from './storefile.ts';
import type { LocalFile } from './tree/walk.ts';
import { tasksAtOnce, WorkerPool } from './workers/pool.ts';

export interface UploadOptions extends RunOptions, PlaceOptions, TreeOptions, LoadOptions {
  readonly layout: NonNullable<FormatOptions['layout']>;
  readonly format: StoreFileTask['format'];
  readonly includeDamaged: boolean;
}

/** Backs up single files in worker threads, so many at once that both processors and network have work. */
export class Uploads {
  /** Files to be handed in at once. */
  readonly concurrency: number;
  readonly #store: ObjectStore;
  readonly #options: UploadOptions;
  readonly #root: string;
  readonly #pool: WorkerPool;
  readonly #budget: ByteBudget;

  constructor(store: ObjectStore, options: UploadOptions) {
    const { processes = 4, bytesInFlight = 2 ** 28, threadStore, report, signal } = options;
    this.concurrency = tasksAtOnce(processes);
    this.#store = store;
    this.#options = options;
    this.#root = rootOf(options);
    this.#budget = new ByteBudget(bytesInFlight);
    this.#pool = new WorkerPool({
      threads: processes,
      ...(threadStore && { store: threadStore }),
      onWarning: (warning) => report.log('warn', warning),
      ...(signal && { signal }),
    });
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

  async storeFile(local: LocalFile, stored: StoredMetric | undefined): Promise<StoredFile> {
    const { layout, format, includeDamaged, flock = true, fileLockTimeout = 10, signal } = this.#options;
    const newest = this.#comparable(stored);
    const newestTime = stored?.backups.at(-1)?.time;
    const task: StoreFileTask = {
      file: local.file,
      path: local.path,
      root: this.#root,
      layout,
      format,
      includeDamaged,
      flock,
      fileLockTimeout,
      ...(newest && { newest }),
      ...(newestTime && { newestTime }),
    };
    // The file, and at worst as much again for what it is compressed to.
    const bytes = 2 * (local.stat?.size ?? (await sizeOf(local.file)));
    return this.#budget.run(bytes, async () => {
      signal?.throwIfAborted();
      return this.#options.threadStore ? this.#pool.storeFile(task) : this.#storeFromHere(task);
    });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #storeFromHere(task: StoreFileTask): Promise<StoredFile> {
    const { now = () => new Date(), signal } = this.#options;
    const snapshot = this.#pool.snapshot.bind(this.#pool);
    return storeFile(task, { store: this.#store, snapshot, now, ...(signal && { signal }) });
  }

  /** The Python tool knows nothing of our backups: for its layout only its pairs count. */
  #comparable(stored: StoredMetric | undefined): Backup | undefined {
    if (this.#options.layout === 'native') return stored?.backups.at(-1);
    return stored?.backups.findLast((backup) => backup.kind === 'pair');
  }
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}
