import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidOptionError } from '../../common/errors.ts';
import { abortable } from '../deadline.ts';
import { pagesOf } from '../pages.ts';
import type { ObjectStore } from '../store.ts';

/** Bytes of bodies a second that all threads share: a token bucket in shared memory, so that it is part of a `StoreSpec`. */
export interface Bandwidth {
  readonly bytesPerSecond: number;
  readonly cells: BigInt64Array<SharedArrayBuffer>;
}

/**
 * Cells: the microseconds until everything taken so far is paid for, negative while some are saved up; and when they were
 * last counted down, in milliseconds since 1970, as the monotonic clocks of two threads differ on Deno.
 */
const OWED = 0;
const COUNTED = 1;

/** How much may be saved up while nobody sends, and the most that a clock that is set back may cost, in microseconds. */
const SAVED = 1_000_000n;

/** The longest a timer sleeps, in milliseconds: one overflows at 31 bits. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * @param bytesPerSecond uploads and downloads together.
 * @throws InvalidOptionError
 */
export function createBandwidth(bytesPerSecond: number): Bandwidth {
  if (!(bytesPerSecond > 0 && Number.isFinite(bytesPerSecond))) {
    throw new InvalidOptionError(`'bytesPerSecond' must be more than 0: got ${bytesPerSecond}`);
  }
  const cells = new BigInt64Array(new SharedArrayBuffer(16));
  cells[OWED] = -SAVED;
  cells[COUNTED] = BigInt(Date.now());
  return { bytesPerSecond, cells };
}

/**
 * Limits how many bytes a second are stored and read, over all calls and all stores with the same bandwidth: each call
 * waits until those before it are paid for. One body goes as fast as the line allows, so the limit holds from one body
 * to the next, not within one.
 *
 * Put it around `withRetry` and `withLimit`, so that waiting counts against no deadline and takes nobody's turn.
 */
export function withBandwidth(store: ObjectStore, bandwidth: Bandwidth): ObjectStore {
  /** A body's size is known once it is there; until then it is taken to be like the one before. */
  let expected = 0;
  /** First come, first served. */
  let queue: Promise<void> = Promise.resolve();
  const take = (bytes: number, signal: AbortSignal | undefined): Promise<void> => {
    const turn = queue.then(() => pay(bandwidth, bytes, signal));
    queue = turn.catch(() => {});
    return abortable(turn, signal);
  };
  const sweep = store.sweep?.bind(store);
  return {
    name: store.name,
    ...(store.directory !== undefined && { directory: store.directory }),
    listings: store.listings ?? 1,
    open: (options) => store.open(options),
    list: (range) => store.list(range),
    pages: (range = {}) => pagesOf(store, range),
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
    delete: (keys, options) => store.delete(keys, options),
    clock: (options) => store.clock(options),
    ...(sweep && { sweep }),
    flush: (options) => store.flush(options),
    close: () => store.close(),
  };
}

/** Takes bytes, and waits for what was owed before. Whoever gives up gives them back. */
async function pay(bandwidth: Bandwidth, bytes: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  countDown(bandwidth);
  let waitMs = Math.ceil(owe(bandwidth, bytes) / 1000);
  try {
    for (; waitMs > 0; waitMs -= LONGEST_MS) await sleep(Math.min(waitMs, LONGEST_MS), undefined, signal && { signal });
  } catch (error) {
    owe(bandwidth, -bytes);
    throw error;
  }
}

/** @returns the microseconds that were owed before. */
function owe({ bytesPerSecond, cells }: Bandwidth, bytes: number): number {
  return Number(Atomics.add(cells, OWED, BigInt(Math.round((bytes / bytesPerSecond) * 1e6))));
}

/** Counts the time that has passed; each moment is counted by one thread. */
function countDown({ cells }: Bandwidth): void {
  const now = BigInt(Date.now());
  const passed = (now - Atomics.exchange(cells, COUNTED, now)) * 1000n;
  const credit = passed < -SAVED ? -SAVED : passed;
  for (;;) {
    const owed = Atomics.load(cells, OWED);
    const left = owed - credit;
    if (Atomics.compareExchange(cells, OWED, owed, left < -SAVED ? -SAVED : left) === owed) return;
  }
}
