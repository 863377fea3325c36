import { InvalidOptionError } from '../../common/errors.ts';
import { TransientError } from '../errors.ts';
import type { ObjectStore } from '../store.ts';
import { around } from './around.ts';

/**
 * How many requests all threads may have under way: more while the store answers quickly, fewer while it asks to slow down
 * or answers more slowly. In shared memory, so that it can be a part of `StoreSpec`.
 */
export interface Pace {
  readonly least: number;
  readonly most: number;
  readonly cells: Int32Array<SharedArrayBuffer>;
}

/** The limit, in thousandths; when it was last reduced, in milliseconds; whether it ever was. */
const LIMIT = 0;
const REDUCED_AT = 1;
const REDUCED = 2;

/** Shortest time between two reductions: the answers that follow one were requested before it. */
const MIN_INTERVAL_MS = 100;

/**
 * By how much answers must be slower than without load before there are fewer or no more requests. More than the 40 ms of
 * a delayed acknowledgement, which a server waits for if it sends head and body of an answer one after the other.
 */
const SLOW = 2.5;
const SLOW_MS = 60;
const STEADY = 1.5;
const STEADY_MS = 45;

/** Bodies are grouped by size, because large ones take longer without load, too. */
const SMALLEST_BYTES = 32 * 1024;
const CLASSES = 8;

/** @throws InvalidOptionError if the numbers are not in order. */
export function createPace({ least, start, most }: { least: number; start: number; most: number }): Pace {
  if (!(least >= 1 && start >= least && most >= start && most <= 100_000))
    throw new InvalidOptionError(`A pace must ascend from 1: got ${least}, ${start}, ${most}`);
  const cells = new Int32Array(new SharedArrayBuffer(12));
  cells[LIMIT] = start * 1000;
  return { least, most, cells };
}

export function limitOf({ cells }: Pace): number {
  return Atomics.load(cells, LIMIT) / 1000;
}

/** Adapts a pace to what one thread sees of the store. */
export class Pacemaker {
  readonly #pace: Pace;
  readonly #now: () => number;
  /** Milliseconds of an answer without load, and of late, by the size of the body. */
  readonly #unloaded: number[] = Array.from({ length: CLASSES }, () => 0);
  readonly #latest: number[] = Array.from({ length: CLASSES }, () => 0);

  /** @param now milliseconds. @default Date.now */
  constructor(pace: Pace, now: () => number = Date.now) {
    this.#pace = pace;
    this.#now = now;
  }

  /**
   * @param milliseconds from the request to the end of the answer.
   * @param isFull whether as many requests were under way as may be.
   */
  succeeded(milliseconds: number, bytes: number, isFull: boolean): void {
    const size = Math.min(CLASSES - 1, Math.max(0, Math.ceil(Math.log2(bytes / SMALLEST_BYTES) / 2)));
    const before = this.#unloaded[size] || milliseconds;
    // Rises slowly, because the way to the store may become longer.
    const unloaded = milliseconds < before ? milliseconds : before + (milliseconds - before) / 1000;
    const latest = (this.#latest[size] || milliseconds) * 0.9 + milliseconds * 0.1;
    this.#unloaded[size] = unloaded;
    this.#latest[size] = latest;
    const delay = latest - unloaded;
    if (latest > SLOW * unloaded && delay > SLOW_MS) this.#reduce(0.9, latest);
    else if (isFull && (latest < STEADY * unloaded || delay < STEADY_MS)) this.#raise();
  }

  slowDown(): void {
    this.#reduce(0.5, 2 * (this.#latest[0] ?? 0));
  }

  /** Doubles the limit with each round of requests until it was reduced once; then adds 1 with each round. */
  #raise(): void {
    const { cells, most } = this.#pace;
    const limit = Atomics.load(cells, LIMIT);
    const step = Atomics.load(cells, REDUCED) === 0 ? 1000 : 1_000_000 / limit;
    Atomics.compareExchange(cells, LIMIT, limit, Math.min(most * 1000, limit + Math.ceil(step)));
  }

  #reduce(factor: number, intervalMs: number): void {
    const { cells, least } = this.#pace;
    const now = Math.floor(this.#now()) % 2 ** 30;
    const last = Atomics.load(cells, REDUCED_AT);
    if (Atomics.load(cells, REDUCED) !== 0 && Math.abs(now - last) < Math.max(MIN_INTERVAL_MS, intervalMs)) return;
    if (Atomics.compareExchange(cells, REDUCED_AT, last, now) !== last) return;
    Atomics.store(cells, REDUCED, 1);
    const limit = Atomics.load(cells, LIMIT);
    Atomics.compareExchange(cells, LIMIT, limit, Math.max(least * 1000, Math.floor(limit * factor)));
  }
}

/**
 * Adapts a pace by the answers to `get` and `put`. Must be inside of `withRetry`, so that it sees every attempt.
 *
 * @param share the part of all requests that this store may have under way.
 */
export function withPace(store: ObjectStore, pace: Pace, share: number): ObjectStore {
  const pacemaker = new Pacemaker(pace);
  let underWay = 0;
  const measure = async <T>(call: () => Promise<T>, bytesOf: (result: T) => number): Promise<T> => {
    const isFull = ++underWay >= limitOf(pace) * share - 1;
    const start = performance.now();
    try {
      const result = await call();
      pacemaker.succeeded(performance.now() - start, bytesOf(result), isFull);
      return result;
    } catch (error) {
      if (error instanceof TransientError && error.trouble === 'busy') pacemaker.slowDown();
      throw error;
    } finally {
      underWay--;
    }
  };
  return around(store, {
    get: (key, options) =>
      measure(
        () => store.get(key, options),
        (body) => body.length,
      ),
    put: (key, body, options) =>
      measure(
        () => store.put(key, body, options),
        () => body.length,
      ),
  });
}
