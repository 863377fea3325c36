import { InvalidOptionError } from '../../common/errors.ts';
import type { SweepOptions, Swept } from '../../system/sweep.ts';
import { abortable, StepDeadline, withDeadline } from '../deadline.ts';
import { StoreError, TransientError } from '../errors.ts';
import { quoted } from '../key.ts';
import { objectsOf, pagesOf } from '../pages.ts';
import type { DeleteFailure, GetOptions, ListRange, ObjectStore, OpenOptions, Page, StoredObject } from '../store.ts';

export interface RetryOptions {
  /** How often a call is tried in all. A listing begins to count anew whenever it gets on. @default 5 */
  readonly attempts?: number;
  /**
   * How long one attempt may take, in seconds; of a listing, how long a page may bring nothing. To store a body it has a
   * second longer for each 64 KiB. @default 60
   */
  readonly deadline?: number;
  /** The same for `flush` and `sweep`, which may have much to do, in seconds. @default 1800 */
  readonly flushDeadline?: number;
  /** Longest wait before the second attempt, in seconds; doubled before each further one. @default 0.5 */
  readonly backoff?: number;
  /** Longest wait between two attempts, in seconds, unless the store asks for a longer one. @default 30 */
  readonly maxBackoff?: number;
  /** Longest wait that a store may ask for (`retryAfter`), in seconds. @default 300 */
  readonly maxRetryAfter?: number;
  /**
   * For how long a call is tried again, in seconds: no attempt begins later. A listing begins anew whenever it gets on.
   * @default 900
   */
  readonly total?: number;
  /** Waits so many milliseconds. @default a timer */
  readonly sleep?: (milliseconds: number) => Promise<void>;
  /** From 0 to 1, exclusive: the jitter. @default Math.random */
  readonly random?: () => number;
  /** Told of each failure that is tried again. */
  readonly onRetry?: (retry: Retry) => void;
}

/** A failure that is tried again. */
export interface Retry {
  readonly error: StoreError;
  /** Which attempt failed, from 1. */
  readonly attempt: number;
  /** The wait before the next, in milliseconds. */
  readonly wait: number;
}

/** What people are told of it. */
export function retryText({ error, attempt, wait }: Retry): string {
  return `${error.message} (attempt ${attempt}; trying again in ${(wait / 1000).toFixed(1)} s)`;
}

/**
 * Puts a deadline on every call, and tries again what failed with a `transient` error, after a random wait that grows
 * (full jitter, as in "Exponential Backoff And Jitter", AWS Architecture Blog). A listing goes on after the last key it
 * told; of a batch to delete only the keys that failed are tried again.
 *
 * @throws the last error, when attempts or time run out; any error that is not transient at once.
 */
export function withRetry(store: ObjectStore, options: RetryOptions = {}): ObjectStore {
  return new RetryStore(store, options);
}

/** In seconds: setTimeout fires at once when its 31 bits overflow. */
const LONGEST_DEADLINE = 2_000_000;

/** A slower body than this counts as stalled, in bytes a second. */
const SLOWEST_BODY = 64 * 1024;

type Signalled = { readonly signal?: AbortSignal };

/** How often a call was tried, and since when. */
interface Tried {
  readonly attempt: number;
  readonly began: number;
}

class RetryStore implements ObjectStore {
  readonly name: string;
  readonly directory?: string;
  readonly listings: number;
  readonly sweep?: (options: SweepOptions) => Promise<Swept>;
  readonly #store: ObjectStore;
  readonly #options: Required<Omit<RetryOptions, 'onRetry'>>;
  readonly #onRetry: ((retry: Retry) => void) | undefined;

  constructor(store: ObjectStore, { onRetry, ...options }: RetryOptions) {
    this.name = store.name;
    if (store.directory !== undefined) this.directory = store.directory;
    this.listings = store.listings ?? 1;
    this.#store = store;
    this.#onRetry = onRetry;
    this.#options = {
      attempts: 5,
      deadline: 60,
      flushDeadline: 1800,
      backoff: 0.5,
      maxBackoff: 30,
      maxRetryAfter: 300,
      total: 900,
      sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
      random: Math.random,
      ...options,
    };
    const { attempts, deadline, flushDeadline, total } = this.#options;
    const sweep = store.sweep?.bind(store);
    if (sweep) {
      this.sweep = ({ dryRun, signal }) =>
        this.#call(`tidy up ${this.name}`, signal, (signal) => sweep({ dryRun, signal }), flushDeadline);
    }
    if (!(attempts >= 1)) throw new InvalidOptionError(`'attempts' must be 1 or more: got ${attempts}`);
    if (!(total >= 0)) throw new InvalidOptionError(`'total' must be 0 seconds or more: got ${total}`);
    for (const seconds of [deadline, flushDeadline]) {
      if (!(seconds > 0 && seconds <= LONGEST_DEADLINE)) {
        throw new InvalidOptionError(`A deadline must be more than 0 and at most 2,000,000 seconds: got ${seconds}`);
      }
    }
  }

  open({ signal, ...options }: OpenOptions): Promise<void> {
    return this.#call(`open ${this.name}`, signal, (signal) => this.#store.open({ ...options, signal }));
  }

  list(range: ListRange = {}): AsyncGenerator<StoredObject, void, void> {
    return objectsOf(this.pages(range), range.signal);
  }

  async *pages(range: ListRange = {}): AsyncGenerator<Page, void, void> {
    const what = `list ${this.name}`;
    let startAfter = range.startAfter;
    let began = performance.now();
    for (let attempt = 1; ; attempt++) {
      const controller = new AbortController();
      const deadline = new StepDeadline(this.#options.deadline, what, range.signal);
      // A page may take long on a slow line. A page with nothing in it is no progress: a listing that has nothing else
      // comes to its deadline.
      let isEmpty = false;
      const onProgress = () => {
        if (!isEmpty) deadline.restart();
      };
      const next = async () => {
        for (isEmpty = false; ; isEmpty = true) {
          const step = await pages.next();
          if (step.done || step.value.length > 0) return step;
          controller.signal.throwIfAborted();
        }
      };
      const from = startAfter === undefined ? {} : { startAfter };
      const pages = pagesOf(this.#store, { ...range, ...from, onProgress, signal: controller.signal })[
        Symbol.asyncIterator
      ]();
      let open = true;
      try {
        for (;;) {
          const step = await deadline.step(next);
          if (step.done) {
            open = false;
            return;
          }
          startAfter = step.value.at(-1)?.key ?? startAfter;
          attempt = 1;
          yield step.value;
          began = performance.now();
        }
      } catch (error) {
        open = false;
        controller.abort(error);
        // It may be hung: ask it to clean up, but do not wait.
        pages.return?.().catch(() => {});
        deadline.close();
        await this.#backOff(error, { attempt, began }, range.signal);
      } finally {
        deadline.close();
        // The caller has had enough.
        if (open) await pages.return?.();
      }
    }
  }

  get(key: string, { signal, ...options }: GetOptions): Promise<Uint8Array> {
    const deadline = this.#deadlineFor(Math.min(options.expectedBytes ?? 0, options.maxBytes));
    const get = (signal: AbortSignal) => this.#store.get(key, { ...options, signal });
    return this.#call(`read ${quoted(key)} from ${this.name}`, signal, get, deadline);
  }

  put(key: string, body: Uint8Array, { signal }: Signalled = {}): Promise<void> {
    const put = (signal: AbortSignal) => this.#store.put(key, body, { signal });
    return this.#call(`store ${quoted(key)} on ${this.name}`, signal, put, this.#deadlineFor(body.length));
  }

  #deadlineFor(bytes: number): number {
    return Math.min(LONGEST_DEADLINE, this.#options.deadline + bytes / SLOWEST_BODY);
  }

  async delete(keys: readonly string[], { signal }: Signalled = {}): Promise<DeleteFailure[]> {
    const what = `delete ${keys.length} objects from ${this.name}`;
    const settled: DeleteFailure[] = [];
    let left = keys;
    const began = performance.now();
    for (let attempt = 1; ; attempt++) {
      let failures: DeleteFailure[];
      try {
        const batch = left;
        failures = await withDeadline(this.#options.deadline, what, signal, (signal) =>
          this.#store.delete(batch, { signal }),
        );
      } catch (error) {
        await this.#backOff(error, { attempt, began }, signal);
        continue;
      }
      const passing = failures.filter(({ error }) => isTransient(error));
      settled.push(...failures.filter(({ error }) => !isTransient(error)));
      const first = passing[0];
      if (!first) return settled;
      left = passing.map(({ key }) => key);
      try {
        await this.#backOff(first.error, { attempt, began }, signal);
      } catch (error) {
        if (error !== first.error) throw error;
        return [...settled, ...passing];
      }
    }
  }

  clock({ signal }: Signalled = {}): Promise<Date | undefined> {
    return this.#call(`ask ${this.name} for the time`, signal, (signal) => this.#store.clock({ signal }));
  }

  flush({ signal }: Signalled = {}): Promise<void> {
    const { flushDeadline } = this.#options;
    return this.#call(`flush ${this.name}`, signal, (signal) => this.#store.flush({ signal }), flushDeadline);
  }

  close(): Promise<void> {
    return withDeadline(this.#options.deadline, `close ${this.name}`, undefined, () => this.#store.close());
  }

  async #call<T>(
    what: string,
    signal: AbortSignal | undefined,
    call: (signal: AbortSignal) => Promise<T>,
    deadline = this.#options.deadline,
  ): Promise<T> {
    const began = performance.now();
    for (let attempt = 1; ; attempt++) {
      try {
        return await withDeadline(deadline, what, signal, call);
      } catch (error) {
        await this.#backOff(error, { attempt, began }, signal);
      }
    }
  }

  /** Waits before the next attempt, or throws the error when there is to be none. */
  async #backOff(error: unknown, { attempt, began }: Tried, signal: AbortSignal | undefined): Promise<void> {
    const { attempts, backoff, maxBackoff, maxRetryAfter, total, random, sleep } = this.#options;
    signal?.throwIfAborted();
    if (!isTransient(error) || attempt >= attempts) throw error;
    const asked = error instanceof TransientError ? Math.min(error.retryAfter ?? 0, maxRetryAfter * 1000) : 0;
    const wait = asked + random() * Math.min(maxBackoff, backoff * 2 ** (attempt - 1)) * 1000;
    if (performance.now() + wait > began + total * 1000) throw error;
    this.#onRetry?.({ error, attempt, wait });
    await abortable(sleep(wait), signal);
  }
}

function isTransient(error: unknown): error is StoreError {
  return error instanceof StoreError && error.transient;
}
