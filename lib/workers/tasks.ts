import { parentPort } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol, workerData } from 'piscina';
import { type BringBackTask, type BroughtBack, bringBack as bringBackOne } from '../bringback.ts';
import { createStore, type StoreSpec } from '../store/spec.ts';
import type { ObjectStore } from '../store/store.ts';
import { type StoredFile, type StoreFileTask, storeFile as storeOne } from '../storefile.ts';
import { type Checked, type CheckTask, check as checkOne } from './check.ts';
import { type Fingerprint, type FingerprintTask, fingerprint as fingerprintOne } from './fingerprint.ts';
import { type Published, type PublishTask, publish as publishOne } from './publish.ts';
import { type Snapshot, type SnapshotTask, snapshot as snapshotOne } from './snapshot.ts';

/*
 * What runs in a worker thread.
 */

/** What the pool gives each of its threads. */
export interface ThreadData {
  /** Set by the main thread when the run is to stop: an AbortSignal cannot cross to another thread. */
  readonly stopFlag: Int32Array;
  /** How to build a store of one's own, where tasks use one. */
  readonly store?: StoreSpec;
}

/** A line for the log, from a thread. */
export interface ThreadWarning {
  readonly warning: string;
}

const { stopFlag, store: spec }: ThreadData = workerData;

function stopped(): boolean {
  return Atomics.load(stopFlag, 0) === 1;
}

/** The compressed bytes are handed over, not copied. */
export async function snapshot(task: SnapshotTask): Promise<unknown> {
  const result: Snapshot = await snapshotOne(task, stopped);
  if (result.outcome !== 'changed') return result;
  return move({ [transferableSymbol]: [result.body.buffer], [valueSymbol]: result });
}

export function publish(task: PublishTask): Promise<Published> {
  return publishOne(task, stopped);
}

export function check(task: CheckTask): Checked {
  return checkOne(task);
}

export function fingerprint(task: FingerprintTask): Promise<Fingerprint> {
  return fingerprintOne(task, stopped);
}

/** Reads, compresses and stores one file, all in this thread. */
export function storeFile(task: StoreFileTask): Promise<StoredFile> {
  return withStore((store, signal) =>
    storeOne(task, { store, signal, now: () => new Date(), snapshot: (shot) => snapshotOne(shot, stopped) }),
  );
}

/** Fetches, checks and publishes one backup, all in this thread. */
export function bringBack(task: BringBackTask): Promise<BroughtBack> {
  return withStore((store, signal) =>
    bringBackOne(task, { store, signal, publish: (published) => publishOne(published, stopped) }),
  );
}

let own: Promise<ObjectStore> | undefined;
let underWay = 0;
const stop = new AbortController();
let watch: ReturnType<typeof setInterval> | undefined;

/** How often requests under way look at the flag, in milliseconds. */
const WATCH = 100;

/** Lends this thread's store, and a signal that follows the flag. */
async function withStore<T>(task: (store: ObjectStore, signal: AbortSignal) => Promise<T>): Promise<T> {
  if (!spec) throw new TypeError('This pool was given no store');
  own ??= createStore(spec, ({ error, attempt, wait }) => {
    const warning = `${error.message} (attempt ${attempt}; trying again in ${(wait / 1000).toFixed(1)} s)`;
    parentPort?.postMessage({ warning } satisfies ThreadWarning);
  });
  underWay++;
  watch ??= setInterval(() => {
    if (stopped()) stop.abort();
  }, WATCH);
  try {
    return await task(await own, stop.signal);
  } finally {
    if (--underWay === 0) {
      clearInterval(watch);
      watch = undefined;
    }
  }
}
