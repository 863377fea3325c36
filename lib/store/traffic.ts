/**
 * Counts the traffic of all threads of a run, in shared memory, so that it can be a part of `StoreSpec`. A counter has
 * 31 bits.
 */
export type Traffic = Int32Array<SharedArrayBuffer>;

export interface TrafficCounts {
  /** HTTP requests, including every attempt and login; 0 on a disk. */
  readonly requests: number;
  /** Failed attempts that were retried. */
  readonly retries: number;
}

const REQUESTS = 0;
const RETRIES = 1;

export function createTraffic(): Traffic {
  return new Int32Array(new SharedArrayBuffer(8));
}

export function countRequest(traffic: Traffic): void {
  Atomics.add(traffic, REQUESTS, 1);
}

export function countRetry(traffic: Traffic): void {
  Atomics.add(traffic, RETRIES, 1);
}

export function trafficOf(traffic: Traffic): TrafficCounts {
  return { requests: Atomics.load(traffic, REQUESTS), retries: Atomics.load(traffic, RETRIES) };
}
