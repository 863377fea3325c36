/**
 * Whether the store answers, as all threads of a run have seen it: in shared memory, so that it can be a part of
 * `StoreSpec`. Times are Unix times in milliseconds, because the monotonic clocks of two threads differ on Deno.
 */
export type Outage = BigInt64Array<SharedArrayBuffer>;

export interface OutageState {
  /** When the first request failed since the last answer. */
  readonly since: number;
  /** Requests that failed since the last answer. */
  readonly failures: number;
}

const SINCE = 0;
const FAILURES = 1;
const PAUSED_UNTIL = 2;
const REPORTED = 3;
const IS_END_DUE = 4;

/** So many failures without an answer in between are an outage, not the bad luck of single requests. */
const MIN_FAILURES = 3;

/** A pause is never longer, whatever happens to the clock. */
const MAX_PAUSE_MS = 300_000;

/** The shortest time between two reports. */
const REPORT_INTERVAL_MS = 60_000;

export function createOutage(): Outage {
  return new BigInt64Array(new SharedArrayBuffer(40));
}

/** @returns undefined if the store has answered since the last failure. */
export function stateOf(outage: Outage): OutageState | undefined {
  const failures = read(outage, FAILURES);
  return failures === 0 ? undefined : { since: read(outage, SINCE), failures };
}

/** Returns the state if the store does not answer any request; undefined if it does, or only few requests failed. */
export function downSince(outage: Outage): number | undefined {
  const state = stateOf(outage);
  return state && state.failures >= MIN_FAILURES ? state.since : undefined;
}

/** Records that the store answered. @returns the state that ended, to the first thread that records this. */
export function recordAnswer(outage: Outage): OutageState | undefined {
  if (read(outage, FAILURES) === 0) return undefined;
  const since = read(outage, SINCE);
  const failures = Number(Atomics.exchange(outage, FAILURES, 0n));
  return failures === 0 ? undefined : { since, failures };
}

export function recordFailure(outage: Outage, now: number): void {
  if (read(outage, FAILURES) === 0) Atomics.store(outage, SINCE, BigInt(Math.round(now)));
  Atomics.add(outage, FAILURES, 1n);
}

/** Lets no thread send requests until then. */
export function pauseUntil(outage: Outage, time: number): void {
  for (let until = read(outage, PAUSED_UNTIL); until < time; until = read(outage, PAUSED_UNTIL)) {
    if (Number(Atomics.compareExchange(outage, PAUSED_UNTIL, BigInt(until), BigInt(Math.ceil(time)))) === until) return;
  }
}

/** @returns milliseconds until requests may be sent; 0 if they may be now. */
export function pauseLeft(outage: Outage, now: number): number {
  const until = read(outage, PAUSED_UNTIL);
  return until === 0 ? 0 : Math.min(MAX_PAUSE_MS, Math.max(0, until - now));
}

/** @returns whether the caller should report the outage: once a minute, to one thread. */
export function claimReport(outage: Outage, now: number): boolean {
  const last = read(outage, REPORTED);
  if (last !== 0 && Math.abs(now - last) < REPORT_INTERVAL_MS) return false;
  if (Number(Atomics.compareExchange(outage, REPORTED, BigInt(last), BigInt(Math.round(now)))) !== last) return false;
  Atomics.store(outage, IS_END_DUE, 1n);
  return true;
}

/** @returns whether the caller should report that the outage is over: to one thread, if the outage was reported. */
export function claimEnd(outage: Outage): boolean {
  return Atomics.exchange(outage, IS_END_DUE, 0n) === 1n;
}

function read(outage: Outage, cell: number): number {
  return Number(Atomics.load(outage, cell));
}
