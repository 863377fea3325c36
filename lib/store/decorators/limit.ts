import { abortable } from '../deadline.ts';
import { objectsOf, pagesOf } from '../pages.ts';
import type { ListRange, ObjectStore, Page } from '../store.ts';
import { around } from './around.ts';

export interface LimitOptions {
  /** The limit, or a function that returns the current one. */
  readonly concurrency: number | (() => number);
}

/** The minimum number of objects that a listing reads in one turn. */
const LIST_BATCH = 250;

/**
 * Limits the number of concurrent calls to a store, including listings.
 *
 * Must be outside of `withRetry`, so that waiting for a turn does not count against the deadline.
 */
export function withLimit(store: ObjectStore, { concurrency }: LimitOptions): ObjectStore {
  const turns = new Turns(typeof concurrency === 'number' ? () => concurrency : concurrency);

  const take = async <T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> => {
    signal?.throwIfAborted();
    const turn = turns.acquire();
    try {
      if (turn) await abortable(turn, signal);
    } catch (error) {
      // Aborted while waiting: when the turn comes, pass it on.
      turn?.then(() => turns.release());
      throw error;
    }
    try {
      return await call();
    } finally {
      turns.release();
    }
  };

  return around(store, {
    open: (options) => take(options.signal, () => store.open(options)),
    list: (range) => objectsOf(pagesInTurns(store, range, take), range?.signal),
    pages: (range) => pagesInTurns(store, range, take),
    get: (key, options) => take(options.signal, () => store.get(key, options)),
    put: (key, body, options) => take(options?.signal, () => store.put(key, body, options)),
    delete: (keys, options) => take(options?.signal, () => store.delete(keys, options)),
    clock: (options) => take(options?.signal, () => store.clock(options)),
    flush: (options) => take(options?.signal, () => store.flush(options)),
  });
}

/** Takes one turn for many objects: with a turn for each object, each would wait in the queue. */
async function* pagesInTurns(
  store: ObjectStore,
  range: ListRange | undefined,
  take: <T>(signal: AbortSignal | undefined, call: () => Promise<T>) => Promise<T>,
): AsyncGenerator<Page, void, void> {
  const pages = pagesOf(store, range ?? {})[Symbol.asyncIterator]();
  let open = true;
  const read = async () => {
    const batch: Page[] = [];
    for (let objects = 0; open && objects < LIST_BATCH; ) {
      const step = await pages.next();
      if (step.done) open = false;
      else {
        batch.push(step.value);
        objects += step.value.length;
      }
    }
    return batch.length === 1 ? (batch[0] ?? []) : batch.flat();
  };
  try {
    while (open) yield await take(range?.signal, read);
  } finally {
    if (open) await pages.return?.();
  }
}

/** Hands out turns in the order of the requests for them. */
class Turns {
  readonly #limit: () => number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** @returns undefined if there is nothing to wait for. */
  acquire(): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#isFree) {
      this.#taken++;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  release(): void {
    this.#taken--;
    // More than one if the limit has grown.
    while (this.#isFree) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#taken++;
      next();
    }
  }

  /** A limit below 1 would never be free. */
  get #isFree(): boolean {
    return this.#taken < Math.max(1, this.#limit());
  }
}
