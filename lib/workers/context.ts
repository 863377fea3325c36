import { setMaxListeners } from 'node:events';
import { Mutex } from 'async-mutex';
import { createStore, type StoreSpec } from '../store/spec.ts';
import type { ObjectStore } from '../store/store.ts';

export interface ContextOptions {
  /** Nonzero when the run must stop: an AbortSignal cannot be sent to another thread. */
  readonly stopFlag: Int32Array;
  /** For `storeFiles` and `restoreFiles`: a store of the calling thread, or the spec to create one from. */
  readonly store?: ObjectStore | StoreSpec;
  /** Receives lines about failing requests. */
  readonly onWarning?: (warning: string) => void;
  /** @default () => new Date() */
  readonly now?: () => Date;
}

/** How often requests in progress check the flag. */
const WATCH_MS = 100;

export class TaskContext {
  readonly now: () => Date;
  /** Serializes large files, so that they can share one buffer. */
  readonly large = new Mutex();
  readonly #options: ContextOptions;
  readonly #stop = new AbortController();
  /** The store that this thread created from a spec. */
  #ownStore: Promise<ObjectStore> | undefined;
  #users = 0;
  #watch: ReturnType<typeof setInterval> | undefined;

  constructor(options: ContextOptions) {
    this.#options = options;
    this.now = options.now ?? (() => new Date());
    // Each request in progress adds a listener.
    setMaxListeners(0, this.#stop.signal);
  }

  /** Returns whether the run must stop; if so, also aborts the signal of {@link withStore}. */
  readonly stopped = (): boolean => {
    if (Atomics.load(this.#options.stopFlag, 0) === 0) return false;
    this.#stop.abort();
    return true;
  };

  /** @throws the abort reason if the run must stop. */
  readonly throwIfStopped = (): void => {
    if (this.stopped()) this.#stop.signal.throwIfAborted();
  };

  /** Calls `task` with the store and a signal that is aborted when the flag is set. */
  async withStore<T>(task: (store: ObjectStore, signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#users++;
    this.#watch ??= setInterval(this.stopped, WATCH_MS);
    try {
      return await task(await this.#store(), this.#stop.signal);
    } finally {
      if (--this.#users === 0) {
        clearInterval(this.#watch);
        this.#watch = undefined;
        // Waits for aborted uploads to clean up: the thread may end after this task.
        if (this.#stop.signal.aborted) await this.close();
      }
    }
  }

  async close(): Promise<void> {
    await (await this.#ownStore?.catch(() => undefined))?.close();
  }

  async #store(): Promise<ObjectStore> {
    const { store } = this.#options;
    if (!store) throw new TypeError('The worker pool has no store');
    if (!('place' in store)) return store;
    this.#ownStore ??= createStore(store, (warning) => this.#options.onWarning?.(warning));
    return this.#ownStore;
  }
}
