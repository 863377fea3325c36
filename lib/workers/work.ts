import { setMaxListeners } from 'node:events';
import { Mutex } from 'async-mutex';
import pMap from 'p-map';
import { retryText } from '../store/decorators/retry.ts';
import { createStore, type StoreSpec } from '../store/spec.ts';
import type { ObjectStore } from '../store/store.ts';
import { type BudgetShare, ShareSpender } from './shared-budget.ts';
import { type BackupToBring, type BringBackRules, type BroughtBack, bringBack } from './tasks/bring-back.ts';
import { type Checked, type CheckTask, check } from './tasks/check.ts';
import { type Fingerprint, type FingerprintTask, fingerprint } from './tasks/fingerprint.ts';
import { type Likeness, type LikenessTask, likeness } from './tasks/likeness.ts';
import { type Published, type PublishTask, publish } from './tasks/publish.ts';
import { type RecheckTask, recheck } from './tasks/recheck.ts';
import { type Snapshot, type SnapshotTask, snapshot } from './tasks/snapshot.ts';
import { type FileToStore, type StoredFile, type StoreRules, storeFile } from './tasks/store-file.ts';

export interface WorkOptions {
  /** Set when the run is to stop: an AbortSignal cannot cross to another thread. */
  readonly stopFlag: Int32Array;
  /** How to build a store of one's own, for `storeFiles` and `bringBack`. */
  readonly store?: StoreSpec;
  /** Told of what went wrong and is tried again. */
  readonly onWarning?: (warning: string) => void;
}

/** Files to store, or backups to bring back: many small ones cross to a thread at once. */
export interface StoreBatch {
  readonly files: readonly FileToStore[];
  readonly rules: StoreRules;
}

export interface BringBackBatch {
  readonly backups: readonly BackupToBring[];
  readonly rules: BringBackRules;
  /** Of the uncompressed bytes that all threads may hold. */
  readonly share: BudgetShare;
}

/** What one batch has under way at once: while one body is on its way, the next is compressed. */
const AT_ONCE = 4;

/** Files of this size a thread restores one by one, so that they can share one buffer. */
const LARGE_BYTES = 2 ** 22;

/** How often requests under way look at the flag, in milliseconds. */
const WATCH = 100;

/** The tasks themselves, done in the thread that calls. */
export class Work {
  readonly #options: WorkOptions;
  readonly #stop = new AbortController();
  readonly #large = new Mutex();
  #store: Promise<ObjectStore> | undefined;
  #underWay = 0;
  #watch: ReturnType<typeof setInterval> | undefined;

  constructor(options: WorkOptions) {
    this.#options = options;
    // One listener for each request under way, which is as it should be.
    setMaxListeners(0, this.#stop.signal);
  }

  snapshot(task: SnapshotTask): Promise<Snapshot> {
    return snapshot(task, this.#stopped);
  }

  publish(task: PublishTask): Promise<Published> {
    return publish(task, this.#stopped);
  }

  recheck(task: RecheckTask): Promise<boolean[]> {
    return recheck(task);
  }

  check(task: CheckTask): Promise<Checked> {
    return check(task);
  }

  fingerprint(task: FingerprintTask): Promise<Fingerprint> {
    return fingerprint(task, this.#stopped);
  }

  likeness(task: LikenessTask): Promise<Likeness> {
    return likeness(task, this.#stopped);
  }

  /** Reads, compresses and stores files. Results come in their order. */
  storeFiles({ files, rules }: StoreBatch): Promise<StoredFile[]> {
    return this.#withStore((store, signal) => {
      const snapshot = (task: SnapshotTask) => this.snapshot(task);
      const context = { store, signal, snapshot, now: () => new Date() };
      return pMap(files, (file) => storeFile(file, rules, context), { concurrency: AT_ONCE });
    });
  }

  /** Fetches, checks and publishes backups. Results come in their order. */
  bringBack({ backups, rules, share }: BringBackBatch): Promise<BroughtBack[]> {
    return this.#withStore((store, signal) => {
      const spender = new ShareSpender(share, signal);
      const within = <T>(bytes: number, task: () => Promise<T>): Promise<T> => {
        const run = () => spender.run(bytes, task);
        return bytes < LARGE_BYTES ? run() : this.#large.runExclusive(run);
      };
      const context = { store, signal, within, publish: (task: PublishTask) => this.publish(task) };
      return pMap(backups, (backup) => bringBack(backup, rules, context), { concurrency: AT_ONCE });
    });
  }

  /** Lets go of the store, if there is one. */
  async close(): Promise<void> {
    await (await this.#store?.catch(() => undefined))?.close();
  }

  readonly #stopped = (): boolean => Atomics.load(this.#options.stopFlag, 0) === 1;

  /** Lends the store, and a signal that follows the flag. */
  async #withStore<T>(task: (store: ObjectStore, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { store: spec } = this.#options;
    if (!spec) throw new TypeError('This pool was given no store');
    this.#store ??= createStore(spec, (retry) => this.#options.onWarning?.(retryText(retry)));
    this.#underWay++;
    this.#watch ??= setInterval(() => {
      if (this.#stopped()) this.#stop.abort();
    }, WATCH);
    try {
      return await task(await this.#store, this.#stop.signal);
    } finally {
      if (--this.#underWay === 0) {
        clearInterval(this.#watch);
        this.#watch = undefined;
        // Uploads that were given up still clean up behind them, and the thread may end with this task.
        if (this.#stop.signal.aborted) await this.close();
      }
    }
  }
}
