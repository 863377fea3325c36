import { parentPort, workerData } from 'node:worker_threads';
import type { BroughtBack } from './tasks/bring-back.ts';
import type { Checked, CheckTask } from './tasks/check.ts';
import type { Fingerprint, FingerprintTask } from './tasks/fingerprint.ts';
import type { Likeness, LikenessTask } from './tasks/likeness.ts';
import type { Published, PublishTask } from './tasks/publish.ts';
import type { RecheckTask } from './tasks/recheck.ts';
import type { SnapshotTask } from './tasks/snapshot.ts';
import type { StoredFile } from './tasks/store-file.ts';
import { type BringBackBatch, type StoreBatch, Work, type WorkOptions } from './work.ts';

/*
 * What runs in a worker thread.
 */

/** What the pool gives each of its threads. */
export interface ThreadData extends Pick<WorkOptions, 'stopFlag' | 'store'> {
  /** The URL of this file, for `boot.cjs`. */
  readonly entry: string;
}

/** A line for the log, from a thread. */
export interface ThreadWarning {
  readonly warning: string;
}

const data: ThreadData = workerData;
const onWarning = (warning: string) => parentPort?.postMessage({ warning } satisfies ThreadWarning);
const work = new Work({ ...data, onWarning });

/** The compressed bytes are handed over, not copied. */
export async function snapshot(task: SnapshotTask): Promise<unknown> {
  const result = await work.snapshot(task);
  if (result.outcome !== 'changed') return result;
  // Only a pool without a store needs it.
  const piscina = await import('piscina');
  return piscina.move({ [piscina.transferableSymbol]: [result.body.buffer], [piscina.valueSymbol]: result });
}

export function publish(task: PublishTask): Promise<Published> {
  return work.publish(task);
}

export function recheck(task: RecheckTask): Promise<boolean[]> {
  return work.recheck(task);
}

export function check(task: CheckTask): Promise<Checked> {
  return work.check(task);
}

export function fingerprint(task: FingerprintTask): Promise<Fingerprint> {
  return work.fingerprint(task);
}

export function likeness(task: LikenessTask): Promise<Likeness> {
  return work.likeness(task);
}

export function storeFiles(batch: StoreBatch): Promise<StoredFile[]> {
  return work.storeFiles(batch);
}

export function bringBack(batch: BringBackBatch): Promise<BroughtBack[]> {
  return work.bringBack(batch);
}
