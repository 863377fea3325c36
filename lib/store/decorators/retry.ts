import { InvalidOptionError } from '../../common/errors.ts';
import type { SweepOptions, Swept } from '../../system/sweep.ts';
import { StepDeadline, withDeadline } from '../deadline.ts';
import { quoted } from '../key.ts';
import { objectsOf, pagesOf } from '../pages.ts';
import type { DeleteFailure, GetOptions, ListRange, ObjectStore, OpenOptions, Page, StoredObject } from '../store.ts';
import { isTransient, Patience, type PatienceOptions } from './patience.ts';

export interface RetryOptions extends PatienceOptions {
  /**
   * Seconds for one attempt; for a listing, seconds without progress of a page. Transferring a body gets one second more
   * for each 64 KiB. @default 60
   */
  readonly deadline?: number;
  /** Seconds for one attempt of `flush` or `sweep`, which may take long. @default 1800 */
  readonly flushDeadline?: number;
}

/** Opening and listing are tried this many times as long as other calls. */
const LONGER = 3;

/**
 * Adds a deadline to every call, and retries calls that fail with a `transient` error after an increasing random wait
 * (equal jitter, see "Exponential Backoff And Jitter", AWS Architecture Blog). A listing continues after its last key.
 * Of a batch to delete, only the failed keys are retried.
 *
 * If the store asks for fewer requests, or does not answer any, no store with the same `outage` sends requests until the
 * wait is over. After an outage of `retryFor` seconds, `get` and `put` fail at once, except for a try after each wait.
 *
 * @throws StoreError the last error if no time is left; errors that are not transient immediately.
 */
export function withRetry(store: ObjectStore, options: RetryOptions = {}): ObjectStore {
  return new RetryStore(store, options);
}

/** setTimeout fires immediately if the milliseconds exceed 31 bits. */
const MAX_DEADLINE_SECONDS = 2_000_000;

/** A slower transfer of a body counts as stalled. */
const MIN_BYTES_PER_SECOND = 64 * 1024;

interface CallOptions {
  readonly deadline?: number;
  readonly longer?: number;
  readonly isOneOfMany?: boolean;
}

type Signalled = { readonly signal?: AbortSignal };

class RetryStore implements ObjectStore {
  readonly name: string;
  readonly directory?: string;
  readonly listings: number;
  readonly sweep?: (options: SweepOptions) => Promise<Swept>;
  readonly #store: ObjectStore;
  readonly #patience: Patience;
  readonly #deadline: number;
  readonly #flushDeadline: number;

  constructor(store: ObjectStore, options: RetryOptions) {
    this.name = store.name;
    if (store.directory !== undefined) this.directory = store.directory;
    this.listings = store.listings ?? 1;
    this.#store = store;
    this.#patience = new Patience(store.name, options);
    const { deadline = 60, flushDeadline = 1800 } = options;
    for (const seconds of [deadline, flushDeadline]) {
      if (!(seconds > 0 && seconds <= MAX_DEADLINE_SECONDS)) {
        throw new InvalidOptionError(`A deadline must be more than 0 and at most 2,000,000 seconds: got ${seconds}`);
      }
    }
    this.#deadline = deadline;
    this.#flushDeadline = flushDeadline;
    const sweep = store.sweep?.bind(store);
    if (sweep) {
      this.sweep = ({ dryRun, signal }) =>
        this.#call(`remove temporary files from ${this.name}`, signal, (signal) => sweep({ dryRun, signal }), {
          deadline: flushDeadline,
        });
    }
  }

  open({ signal, ...options }: OpenOptions): Promise<void> {
    const open = (signal: AbortSignal) => this.#store.open({ ...options, signal });
    return this.#call(`open ${this.name}`, signal, open, { longer: LONGER });
  }

  list(range: ListRange = {}): AsyncGenerator<StoredObject, void, void> {
    return objectsOf(this.pages(range), range.signal);
  }

  async *pages(range: ListRange = {}): AsyncGenerator<Page, void, void> {
    const attempts = this.#patience.attempts(`list ${this.name}`, { longer: LONGER });
    let startAfter = range.startAfter;
    for (;;) {
      await this.#patience.awaitTurn(attempts, range.signal);
      const controller = new AbortController();
      const deadline = new StepDeadline(this.#deadline, attempts.what, range.signal);
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
          this.#patience.recordAnswer(attempts);
          if (step.done) {
            open = false;
            return;
          }
          startAfter = step.value.at(-1)?.key ?? startAfter;
          attempts.reset();
          yield step.value;
        }
      } catch (error) {
        open = false;
        controller.abort(error);
        // The listing may hang: let it clean up, but do not wait.
        pages.return?.().catch(() => {});
        deadline.close();
        await this.#patience.backOff(error, attempts, range.signal);
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
    return this.#call(`read ${quoted(key)} from ${this.name}`, signal, get, { deadline, isOneOfMany: true });
  }

  put(key: string, body: Uint8Array, { signal }: Signalled = {}): Promise<void> {
    const put = (signal: AbortSignal) => this.#store.put(key, body, { signal });
    const deadline = this.#deadlineFor(body.length);
    return this.#call(`store ${quoted(key)} on ${this.name}`, signal, put, { deadline, isOneOfMany: true });
  }

  #deadlineFor(bytes: number): number {
    return Math.min(MAX_DEADLINE_SECONDS, this.#deadline + bytes / MIN_BYTES_PER_SECOND);
  }

  async delete(keys: readonly string[], { signal }: Signalled = {}): Promise<DeleteFailure[]> {
    const attempts = this.#patience.attempts(`delete ${keys.length} objects from ${this.name}`);
    const permanent: DeleteFailure[] = [];
    let left = keys;
    for (;;) {
      let failures: DeleteFailure[];
      await this.#patience.awaitTurn(attempts, signal);
      try {
        const batch = left;
        failures = await withDeadline(this.#deadline, attempts.what, signal, (signal) =>
          this.#store.delete(batch, { signal }),
        );
      } catch (error) {
        await this.#patience.backOff(error, attempts, signal);
        continue;
      }
      const transient = failures.filter(({ error }) => isTransient(error));
      permanent.push(...failures.filter(({ error }) => !isTransient(error)));
      const first = transient[0];
      if (!first) {
        this.#patience.recordAnswer(attempts);
        return permanent;
      }
      left = transient.map(({ key }) => key);
      try {
        await this.#patience.backOff(first.error, attempts, signal);
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
    return this.#call(`flush ${this.name}`, signal, (signal) => this.#store.flush({ signal }), {
      deadline: this.#flushDeadline,
    });
  }

  close(): Promise<void> {
    return withDeadline(this.#deadline, `close ${this.name}`, undefined, () => this.#store.close());
  }

  async #call<T>(
    what: string,
    signal: AbortSignal | undefined,
    call: (signal: AbortSignal) => Promise<T>,
    { deadline = this.#deadline, ...how }: CallOptions = {},
  ): Promise<T> {
    const attempts = this.#patience.attempts(what, how);
    for (;;) {
      await this.#patience.awaitTurn(attempts, signal);
      try {
        const result = await withDeadline(deadline, what, signal, call);
        this.#patience.recordAnswer(attempts);
        return result;
      } catch (error) {
        await this.#patience.backOff(error, attempts, signal);
      }
    }
  }
}
