import { move, transferableSymbol, valueSymbol, workerData } from 'piscina';
import { type Checked, type CheckTask, check as checkOne } from './check.ts';
import { type Fingerprint, type FingerprintTask, fingerprint as fingerprintOne } from './fingerprint.ts';
import { type Published, type PublishTask, publish as publishOne } from './publish.ts';
import { type Snapshot, type SnapshotTask, snapshot as snapshotOne } from './snapshot.ts';

/*
 * What runs in a worker thread.
 */

/** Set by the main thread when the run is to stop: an AbortSignal cannot cross to another thread. */
const stopFlag: unknown = workerData?.stopFlag;

function stopped(): boolean {
  return stopFlag instanceof Int32Array && Atomics.load(stopFlag, 0) === 1;
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
