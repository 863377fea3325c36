import { setMaxListeners } from 'node:events';
import { Mutex } from 'async-mutex';
import { retryText } from '../store/decorators/retry.ts';
import { createStore, type StoreSpec } from '../store/spec.ts';
import type { ObjectStore } from '../store/store.ts';

export interface ContextOptions {
  /** Set when the run is to stop: an AbortSignal cannot cross to another thread. */
  readonly stopFlag: Int32Array;
  /** The store for `storeFiles` and `restoreFiles`: one to share, or how to build one. */
  readonly store?: ObjectStore | StoreSpec;
  /** Receives errors that are retried. */
  readonly onWarning?: (warning: string) => void;
  /** @default () => new Date() */
  readonly now?: () => Date;
}

/** How often requests in progress check the flag. */
const WATCH_MS = 100;

/** What all tasks of one thread share. */
export class TaskContext {
  readonly now: () => Date;
  /** Serializes large files, so that they can share one buffer. */
  readonly large = new Mutex();
  readonly #options: ContextOptions;
  readonly #stop = new AbortController();
  /** The store that this thread has built, if it has. */
  #ownStore: Promise<ObjectStore> | undefined;
  #borrowers = 0;
  #watch: ReturnType<typeof setInterval> | undefined;

  constructor(options: ContextOptions) {
    this.#options = options;
    this.now = options.now ?? (() => new Date());
    // Each request in progress adds a listener.
    setMaxListeners(0, this.#stop.signal);
  }

  /** Whether the run is to stop. It aborts the signal of {@link withStore}, too. */
  readonly stopped = (): boolean => {
    if (Atomics.load(this.#options.stopFlag, 0) === 0) return false;
    this.#stop.abort();
    return true;
  };

  /** @throws the reason of the signal of {@link withStore}. */
  readonly throwIfStopped = (): void => {
    if (this.stopped()) this.#stop.signal.throwIfAborted();
  };

  /** Lends the store, and a signal that follows the flag. */
  async withStore<T>(task: (store: ObjectStore, signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#borrowers++;
    this.#watch ??= setInterval(this.stopped, WATCH_MS);
    try {
      return await task(await this.#store(), this.#stop.signal);
    } finally {
      if (--this.#borrowers === 0) {
        clearInterval(this.#watch);
        this.#watch = undefined;
        // Aborted uploads still clean up, and the thread may end with this task.
        if (this.#stop.signal.aborted) await this.close();
      }
    }
  }

  /** Closes the store, if this thread has built it. */
  async close(): Promise<void> {
    await (await this.#ownStore?.catch(() => undefined))?.close();
  }

  async #store(): Promise<ObjectStore> {
    const { store } = this.#options;
    if (!store) throw new TypeError('This pool was given no store');
    if (!('place' in store)) return store;
    this.#ownStore ??= createStore(store, (retry) => this.#options.onWarning?.(retryText(retry)));
    return this.#ownStore;
  }
}
