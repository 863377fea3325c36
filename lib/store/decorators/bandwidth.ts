import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidOptionError } from '../../common/errors.ts';
import { abortable } from '../deadline.ts';
import type { ObjectStore } from '../store.ts';
import { around } from './around.ts';

/** A bandwidth limit of all threads: a token bucket in shared memory, so that it can be a part of `StoreSpec`. */
export interface Bandwidth {
  readonly bytesPerSecond: number;
  readonly cells: BigInt64Array<SharedArrayBuffer>;
}

/**
 * Index of the cells. OWED: microseconds until the line is free again; negative values are credit. COUNTED: the time of
 * the last update of OWED, Unix time in milliseconds, because the monotonic clocks of two threads differ on Deno.
 */
const OWED = 0;
const COUNTED = 1;

/** The maximum credit, and the maximum delay after the clock was set back. */
const MAX_CREDIT_US = 1_000_000n;

/** Timers overflow at 31 bits. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * @param bytesPerSecond limit for uploads and downloads together.
 * @throws InvalidOptionError if it is not positive and finite.
 */
export function createBandwidth(bytesPerSecond: number): Bandwidth {
  if (!(bytesPerSecond > 0 && Number.isFinite(bytesPerSecond))) {
    throw new InvalidOptionError(`'bytesPerSecond' must be more than 0: got ${bytesPerSecond}`);
  }
  const cells = new BigInt64Array(new SharedArrayBuffer(16));
  cells[OWED] = -MAX_CREDIT_US;
  cells[COUNTED] = BigInt(Date.now());
  return { bytesPerSecond, cells };
}

/**
 * Limits the bytes per second of all calls of all stores with the same bandwidth. Each call waits for the time that
 * earlier bodies should have taken. A single body is transferred at full speed, so the limit only holds for the average
 * of several.
 *
 * Must be outside of `withRetry` and `withLimit`, so that waiting does not count against a deadline or occupy a turn.
 */
export function withBandwidth(store: ObjectStore, bandwidth: Bandwidth): ObjectStore {
  /** Size of the last body read, an estimate for the next one. */
  let expected = 0;
  /** Calls wait in order. */
  let queue: Promise<void> = Promise.resolve();
  const take = (bytes: number, signal: AbortSignal | undefined): Promise<void> => {
    const turn = queue.then(() => pay(bandwidth, bytes, signal));
    queue = turn.catch(() => {});
    return abortable(turn, signal);
  };
  return around(store, {
    async get(key, options) {
      const guess = Math.min(expected, options.maxBytes);
      await take(guess, options.signal);
      let size = 0;
      try {
        const body = await store.get(key, options);
        size = body.length;
        expected = size;
        return body;
      } finally {
        owe(bandwidth, size - guess);
      }
    },
    async put(key, body, options) {
      await take(body.length, options?.signal);
      await store.put(key, body, options);
    },
  });
}

/** Takes bytes from the bucket, and waits until earlier ones are paid for. Returns the bytes on abort. */
async function pay(bandwidth: Bandwidth, bytes: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  countDown(bandwidth);
  let waitMs = Math.ceil(owe(bandwidth, bytes) / 1000);
  try {
    for (; waitMs > 0; waitMs -= MAX_TIMER_MS)
      await sleep(Math.min(waitMs, MAX_TIMER_MS), undefined, signal && { signal });
  } catch (error) {
    owe(bandwidth, -bytes);
    throw error;
  }
}

/** @returns the microseconds that were owed before. */
function owe({ bytesPerSecond, cells }: Bandwidth, bytes: number): number {
  return Number(Atomics.add(cells, OWED, BigInt(Math.round((bytes / bytesPerSecond) * 1e6))));
}

/** Subtracts the time since the last update. The exchange ensures that only one thread counts each interval. */
function countDown({ cells }: Bandwidth): void {
  const now = BigInt(Date.now());
  const passed = (now - Atomics.exchange(cells, COUNTED, now)) * 1000n;
  const credit = passed < -MAX_CREDIT_US ? -MAX_CREDIT_US : passed;
  for (;;) {
    const owed = Atomics.load(cells, OWED);
    const left = owed - credit;
    if (Atomics.compareExchange(cells, OWED, owed, left < -MAX_CREDIT_US ? -MAX_CREDIT_US : left) === owed) return;
  }
}
