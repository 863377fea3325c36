import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidOptionError } from '../../common/errors.ts';
import { abortable } from '../deadline.ts';
import { pagesOf } from '../pages.ts';
import type { ObjectStore } from '../store.ts';

export interface BandwidthOptions {
  /** Bytes of bodies a second, uploads and downloads together. */
  readonly bytesPerSecond: number;
}

/**
 * Limits how many bytes a second are stored and read, over all calls: before each the calls wait until what went before
 * is paid for. One body goes as fast as the line allows, so the limit holds from one body to the next, not within one.
 *
 * Put it around `withRetry` and `withLimit`, so that waiting counts against no deadline and takes nobody's turn.
 *
 * @throws InvalidOptionError
 */
export function withBandwidth(store: ObjectStore, { bytesPerSecond }: BandwidthOptions): ObjectStore {
  if (!(bytesPerSecond > 0 && Number.isFinite(bytesPerSecond))) {
    throw new InvalidOptionError(`'bytesPerSecond' must be more than 0: got ${bytesPerSecond}`);
  }
  const bucket = new TokenBucket(bytesPerSecond);
  /** A body's size is known once it is there; until then it is taken to be like the one before. */
  let expected = 0;
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
      await bucket.take(guess, options.signal);
      let size = 0;
      try {
        const body = await store.get(key, options);
        size = body.length;
        expected = size;
        return body;
      } finally {
        bucket.correct(size - guess);
      }
    },
    async put(key, body, options) {
      await bucket.take(body.length, options?.signal);
      await store.put(key, body, options);
    },
    delete: (keys, options) => store.delete(keys, options),
    clock: (options) => store.clock(options),
    ...(sweep && { sweep }),
    flush: (options) => store.flush(options),
    close: () => store.close(),
  };
}

/** How much may be saved up while nobody sends, in seconds. */
const SAVED = 1;

/** The longest a timer sleeps, in milliseconds: one overflows at 31 bits. */
const LONGEST = 2 ** 31 - 1;

/**
 * Fills at a rate, and may be overdrawn by one taking: so that a body larger than the bucket passes, and those behind it
 * wait the longer.
 */
class TokenBucket {
  readonly #rate: number;
  #level: number;
  #filled = performance.now();
  /** Who comes first is served first. */
  #queue: Promise<void> = Promise.resolve();

  /** @param rate in a second. */
  constructor(rate: number) {
    this.#rate = rate;
    this.#level = rate * SAVED;
  }

  /** Resolves when the bucket is not overdrawn, and takes from it. */
  take(amount: number, signal: AbortSignal | undefined): Promise<void> {
    const turn = this.#queue.then(() => this.#wait(amount, signal));
    // Whoever gives up takes nothing, and holds nobody up.
    this.#queue = turn.catch(() => {});
    return abortable(turn, signal);
  }

  /** Takes more, or gives some back, at once. */
  correct(amount: number): void {
    this.#level -= amount;
  }

  async #wait(amount: number, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      this.#fill();
      if (this.#level >= 0) break;
      const wait = Math.min(LONGEST, Math.ceil((-this.#level / this.#rate) * 1000));
      await sleep(wait, undefined, signal && { signal });
    }
    this.#level -= amount;
  }

  #fill(): void {
    const now = performance.now();
    this.#level = Math.min(this.#rate * SAVED, this.#level + ((now - this.#filled) / 1000) * this.#rate);
    this.#filled = now;
  }
}
