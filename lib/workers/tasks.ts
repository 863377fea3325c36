import { setMaxListeners } from 'node:events';
import { parentPort } from 'node:worker_threads';
import pMap from 'p-map';
import { move, transferableSymbol, valueSymbol, workerData } from 'piscina';
import { type BackupToBring, type BringBackRules, type BroughtBack, bringBack as bringBackOne } from '../bringback.ts';
import { createStore, type StoreSpec } from '../store/spec.ts';
import type { ObjectStore } from '../store/store.ts';
import { type FileToStore, type StoredFile, type StoreRules, storeFile } from '../storefile.ts';
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

/** Files to store, or backups to bring back: many small ones cross at once. */
export interface StoreBatch {
  readonly files: readonly FileToStore[];
  readonly rules: StoreRules;
}

export interface BringBackBatch {
  readonly backups: readonly BackupToBring[];
  readonly rules: BringBackRules;
}

/** What one batch has under way at once: while one body is on its way, the next is compressed. */
const AT_ONCE = 4;

/** Reads, compresses and stores files, all in this thread. Results come in the order of the files. */
export function storeFiles({ files, rules }: StoreBatch): Promise<StoredFile[]> {
  return withStore((store, signal) => {
    const context = {
      store,
      signal,
      now: () => new Date(),
      snapshot: (task: SnapshotTask) => snapshotOne(task, stopped),
    };
    return pMap(files, (file) => storeFile(file, rules, context), { concurrency: AT_ONCE });
  });
}

/** Fetches, checks and publishes backups, all in this thread. Results come in the order of the backups. */
export function bringBack({ backups, rules }: BringBackBatch): Promise<BroughtBack[]> {
  return withStore((store, signal) => {
    const context = { store, signal, publish: (task: PublishTask) => publishOne(task, stopped) };
    return pMap(backups, (backup) => bringBackOne(backup, rules, context), { concurrency: AT_ONCE });
  });
}

let own: Promise<ObjectStore> | undefined;
let underWay = 0;
const stop = new AbortController();
// One for each request under way, which is as it should be.
setMaxListeners(0, stop.signal);
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
