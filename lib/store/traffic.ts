/**
 * What a run sends to its store, counted over all of its threads: memory that they share, so that it is part of a
 * `StoreSpec`. A count holds up to 2,147,483,647.
 */
export type Traffic = Int32Array<SharedArrayBuffer>;

/** Figures of {@link Traffic}. */
export interface TrafficCounts {
  /** HTTP requests sent, each attempt and each login; 0 on a disk. */
  readonly requests: number;
  /** Calls that failed and were tried again. */
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

/** What was counted so far. */
export function trafficOf(traffic: Traffic): TrafficCounts {
  return { requests: Atomics.load(traffic, REQUESTS), retries: Atomics.load(traffic, RETRIES) };
}
