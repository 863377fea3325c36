import { InvalidOptionError } from '../../common/errors.ts';
import type { SweepOptions, Swept } from '../../system/sweep.ts';
import { abortable, StepDeadline, withDeadline } from '../deadline.ts';
import { StoreError, TransientError } from '../errors.ts';
import { quoted } from '../key.ts';
import { objectsOf, pagesOf } from '../pages.ts';
import type { DeleteFailure, GetOptions, ListRange, ObjectStore, OpenOptions, Page, StoredObject } from '../store.ts';

export interface RetryOptions {
  /** Maximum number of attempts. A listing counts again from 0 after each page. @default 5 */
  readonly attempts?: number;
  /**
   * Seconds for one attempt; for a listing, seconds without progress of a page. Transferring a body gets one second more
   * for each 64 KiB. @default 60
   */
  readonly deadline?: number;
  /** Seconds for one attempt of `flush` or `sweep`, which may take long. @default 1800 */
  readonly flushDeadline?: number;
  /** Maximum seconds before the second attempt; doubled for each further attempt. @default 0.5 */
  readonly backoff?: number;
  /** Maximum seconds between two attempts, unless the store requests more. @default 30 */
  readonly maxBackoff?: number;
  /** Maximum seconds that a store may request (`retryAfter`). @default 300 */
  readonly maxRetryAfter?: number;
  /** Seconds after which no further attempt starts. A listing counts again from 0 after each page. @default 900 */
  readonly total?: number;
  /** @default a timer */
  readonly sleep?: (milliseconds: number) => Promise<void>;
  /** The jitter, from 0 to 1, exclusive. @default Math.random */
  readonly random?: () => number;
  readonly onRetry?: (retry: Retry) => void;
}

export interface Retry {
  readonly error: StoreError;
  /** Number of the failed attempt, from 1. */
  readonly attempt: number;
  /** Milliseconds until the next attempt. */
  readonly wait: number;
}

export function retryText({ error, attempt, wait }: Retry): string {
  return `${error.message} (attempt ${attempt}; retrying in ${(wait / 1000).toFixed(1)} s)`;
}

/**
 * Adds a deadline to every call, and retries calls that fail with a `transient` error after an increasing random wait
 * (full jitter, see "Exponential Backoff And Jitter", AWS Architecture Blog). A listing continues after its last key.
 * Of a batch to delete, only the failed keys are retried.
 *
 * @throws StoreError the last error if no attempt or time is left; errors that are not transient immediately.
 */
export function withRetry(store: ObjectStore, options: RetryOptions = {}): ObjectStore {
  return new RetryStore(store, options);
}

/** setTimeout fires immediately if the milliseconds exceed 31 bits. */
const MAX_DEADLINE_SECONDS = 2_000_000;

/** A slower transfer of a body counts as stalled. */
const MIN_BYTES_PER_SECOND = 64 * 1024;

type Signalled = { readonly signal?: AbortSignal };

interface Attempt {
  /** From 1. */
  readonly attempt: number;
  /** Start of the first attempt. */
  readonly start: number;
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
        this.#call(
          `remove temporary files from ${this.name}`,
          signal,
          (signal) => sweep({ dryRun, signal }),
          flushDeadline,
        );
    }
    if (!(attempts >= 1)) throw new InvalidOptionError(`'attempts' must be 1 or more: got ${attempts}`);
    if (!(total >= 0)) throw new InvalidOptionError(`'total' must be 0 seconds or more: got ${total}`);
    for (const seconds of [deadline, flushDeadline]) {
      if (!(seconds > 0 && seconds <= MAX_DEADLINE_SECONDS)) {
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
    let start = performance.now();
    for (let attempt = 1; ; attempt++) {
      const controller = new AbortController();
      const deadline = new StepDeadline(this.#options.deadline, what, range.signal);
      // A page may take long on a slow line, so any progress restarts the deadline. Empty pages are no progress: a listing
      // of only empty pages reaches its deadline.
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
          start = performance.now();
        }
      } catch (error) {
        open = false;
        controller.abort(error);
        // The listing may hang: let it clean up, but do not wait.
        pages.return?.().catch(() => {});
        deadline.close();
        await this.#backOff(error, { attempt, start }, range.signal);
      } finally {
        deadline.close();
        // The reader stopped early.
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
    return Math.min(MAX_DEADLINE_SECONDS, this.#options.deadline + bytes / MIN_BYTES_PER_SECOND);
  }

  async delete(keys: readonly string[], { signal }: Signalled = {}): Promise<DeleteFailure[]> {
    const what = `delete ${keys.length} objects from ${this.name}`;
    const permanent: DeleteFailure[] = [];
    let left = keys;
    const start = performance.now();
    for (let attempt = 1; ; attempt++) {
      let failures: DeleteFailure[];
      try {
        const batch = left;
        failures = await withDeadline(this.#options.deadline, what, signal, (signal) =>
          this.#store.delete(batch, { signal }),
        );
      } catch (error) {
        await this.#backOff(error, { attempt, start }, signal);
        continue;
      }
      const transient = failures.filter(({ error }) => isTransient(error));
      permanent.push(...failures.filter(({ error }) => !isTransient(error)));
      const first = transient[0];
      if (!first) return permanent;
      left = transient.map(({ key }) => key);
      try {
        await this.#backOff(first.error, { attempt, start }, signal);
      } catch (error) {
        if (error !== first.error) throw error;
        return [...permanent, ...transient];
      }
    }
  }

  clock({ signal }: Signalled = {}): Promise<Date | undefined> {
    return this.#call(`read the clock of ${this.name}`, signal, (signal) => this.#store.clock({ signal }));
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
    const start = performance.now();
    for (let attempt = 1; ; attempt++) {
      try {
        return await withDeadline(deadline, what, signal, call);
      } catch (error) {
        await this.#backOff(error, { attempt, start }, signal);
      }
    }
  }

  /** Waits before the next attempt, or throws the error if there is none. */
  async #backOff(error: unknown, { attempt, start }: Attempt, signal: AbortSignal | undefined): Promise<void> {
    const { attempts, backoff, maxBackoff, maxRetryAfter, total, random, sleep } = this.#options;
    signal?.throwIfAborted();
    if (!isTransient(error) || attempt >= attempts) throw error;
    const requested = error instanceof TransientError ? Math.min(error.retryAfter ?? 0, maxRetryAfter * 1000) : 0;
    const wait = requested + random() * Math.min(maxBackoff, backoff * 2 ** (attempt - 1)) * 1000;
    if (performance.now() + wait > start + total * 1000) throw error;
    this.#onRetry?.({ error, attempt, wait });
    await abortable(sleep(wait), signal);
  }
}

function isTransient(error: unknown): error is StoreError {
  return error instanceof StoreError && error.transient;
}
