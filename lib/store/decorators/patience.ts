import { setTimeout as timer } from 'node:timers/promises';
import { DEFAULTS } from '../../common/defaults.ts';
import { InvalidOptionError } from '../../common/errors.ts';
import { spanText } from '../../common/span.ts';
import { abortable } from '../deadline.ts';
import { StoreError, TransientError } from '../errors.ts';
import {
  claimEnd,
  claimReport,
  createOutage,
  downSince,
  type Outage,
  pauseLeft,
  pauseUntil,
  recordAnswer,
  recordFailure,
} from './outage.ts';

export interface PatienceOptions {
  /**
   * Seconds from the first failure of a call, or from the beginning of an outage, to its last attempt; three times as
   * long for opening and listing, without which a run can do nothing. 0: a single attempt. @default 300
   */
  readonly retryFor?: number;
  /** Maximum seconds before the second attempt; doubled for each further attempt. @default 0.5 */
  readonly backoff?: number;
  /** Maximum seconds between two attempts, unless the store requests more. @default 20 */
  readonly maxBackoff?: number;
  /** Maximum seconds that a store may request (`retryAfter`). @default 120 */
  readonly maxRetryAfter?: number;
  /** What the stores of other threads know, and this one adds. @default its own */
  readonly outage?: Outage;
  /** @default a timer */
  readonly sleep?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
  /** Unix time in milliseconds. @default Date.now */
  readonly now?: () => number;
  /** The jitter, from 0 to 1, exclusive. @default Math.random */
  readonly random?: () => number;
  readonly onRetry?: (retry: Retry) => void;
  /** Called with lines about failing requests, at most one a minute for all stores that share an outage. */
  readonly onWarning?: (warning: string) => void;
}

export interface Retry {
  readonly error: StoreError;
  /** Number of the failed attempt, from 1. */
  readonly attempt: number;
  /** Milliseconds until the next attempt. */
  readonly wait: number;
}

/** Maximum attempts while the store answers, but wrongly. */
const MAX_WRONG_ATTEMPTS = 5;

/** The attempts of one call. */
export class Attempts {
  /** What is done, for messages: `read "a.b/c" from s3:backups`. */
  readonly what: string;
  /** How long to retry, in milliseconds. */
  readonly patienceMs: number;
  /** Whether the run has many calls like this one, so that it can do without a try. */
  readonly isOneOfMany: boolean;
  failed = 0;
  wrong = 0;
  /** When the first one failed. */
  since: number | undefined;
  /** The error of the last one. */
  error: StoreError | undefined;
  /** Whether no time is left after the next one. */
  isLast = false;

  constructor(what: string, patienceMs: number, isOneOfMany: boolean) {
    this.what = what;
    this.patienceMs = patienceMs;
    this.isOneOfMany = isOneOfMany;
  }

  /** Starts again from 0. */
  reset(): void {
    this.failed = 0;
    this.wrong = 0;
    this.since = undefined;
    this.error = undefined;
    this.isLast = false;
  }
}

/** Decides whether and when a failed call is tried again, and when calls of all threads wait. */
export class Patience {
  readonly #name: string;
  readonly #options: Required<PatienceOptions>;

  /**
   * @param name the store, for messages.
   * @throws InvalidOptionError
   */
  constructor(name: string, options: PatienceOptions) {
    this.#name = name;
    this.#options = {
      retryFor: DEFAULTS.retryFor,
      backoff: 0.5,
      maxBackoff: 20,
      maxRetryAfter: 120,
      outage: createOutage(),
      sleep: (milliseconds, signal) => timer(milliseconds, undefined, signal && { signal }),
      now: Date.now,
      random: Math.random,
      onRetry() {},
      onWarning() {},
      ...options,
    };
    const { retryFor } = this.#options;
    if (!(retryFor >= 0)) throw new InvalidOptionError(`'retryFor' must be 0 seconds or more: got ${retryFor}`);
  }

  /** @param how defaults: retried as long as usual, not one of many. */
  attempts(what: string, { longer = 1, isOneOfMany = false } = {}): Attempts {
    return new Attempts(what, this.#options.retryFor * longer * 1000, isOneOfMany);
  }

  /**
   * Waits until requests may be sent.
   *
   * @throws StoreError for one of many calls, if it or all of them have failed for too long.
   */
  async awaitTurn(attempts: Attempts, signal: AbortSignal | undefined): Promise<void> {
    const { now, outage, random } = this.#options;
    const { error, isLast, isOneOfMany, patienceMs, what } = attempts;
    if (isLast || patienceMs === 0) return;
    for (let left = pauseLeft(outage, now()); left > 0; left = pauseLeft(outage, now())) {
      const down = isOneOfMany ? downSince(outage) : undefined;
      const since = Math.min(attempts.since ?? now(), down ?? now());
      const spent = now() - since;
      // An attempt is made at the end, unless there are many like it.
      if (spent >= patienceMs && !isOneOfMany) return;
      if (spent >= patienceMs) throw error ?? new TransientError(`Cannot ${what}: ${this.#failing(spent)}`);
      // Not all at the same time.
      await this.#sleep(Math.min(left * (1 + random() / 4), patienceMs - spent), signal);
    }
  }

  /** Waits before the next attempt, or throws the error if there is none. */
  async backOff(error: unknown, attempts: Attempts, signal: AbortSignal | undefined): Promise<void> {
    const { backoff, maxBackoff, maxRetryAfter, onRetry, outage, random } = this.#options;
    signal?.throwIfAborted();
    if (!isTransient(error)) {
      // Such as that there is no such object.
      if (error instanceof StoreError) this.recordAnswer(attempts);
      throw error;
    }
    const { trouble, retryAfter = 0 } = error instanceof TransientError ? error : { trouble: 'down' };
    const now = this.#options.now();
    attempts.since ??= now;
    attempts.failed++;
    attempts.error = error;
    if (trouble === 'wrong') {
      this.recordAnswer(attempts);
      if (++attempts.wrong >= MAX_WRONG_ATTEMPTS) throw error;
    } else recordFailure(outage, now);
    const down = downSince(outage);
    const giveUpAt = Math.min(attempts.since, down ?? now) + attempts.patienceMs;
    const requested = Math.min(retryAfter, maxRetryAfter * 1000);
    const jitter = (1 + random()) / 2;
    const waitOf = (most: number) => requested + jitter * Math.min(maxBackoff, most) * 1000;
    if ((trouble === 'busy' || down !== undefined) && attempts.patienceMs > 0) {
      // By the length of the outage: that one object fails again and again must not stop the others.
      const downSeconds = down === undefined ? 0 : (now - down) / 1000;
      pauseUntil(outage, now + waitOf(Math.max(backoff, downSeconds / 2)));
    }
    const wait = waitOf(backoff * 2 ** (attempts.failed - 1));
    const left = giveUpAt - now;
    if (left <= 0) throw error;
    if (trouble !== 'wrong') this.#report(error, giveUpAt);
    attempts.isLast = wait >= left;
    onRetry({ error, attempt: attempts.failed, wait: Math.min(wait, left) });
    await this.#sleep(Math.min(wait, left), signal);
  }

  #report(error: StoreError, giveUpAt: number): void {
    const { now, onWarning, outage } = this.#options;
    if (!claimReport(outage, now())) return;
    const down = downSince(outage);
    const seconds = down === undefined ? 0 : (now() - down) / 1000;
    const lasting = seconds < 1 ? '' : `${this.#failing(seconds * 1000)}: `;
    onWarning(`${lasting}${error.message}: trying again until ${new Date(giveUpAt).toISOString()}`);
  }

  #failing(milliseconds: number): string {
    return `${this.#name} has failed every request for ${spanText(milliseconds / 1000)}`;
  }

  /**
   * Must be called when the store has answered.
   *
   * @param attempts of the call.
   */
  recordAnswer(attempts: Attempts): void {
    const { now, onWarning, outage } = this.#options;
    const ended = recordAnswer(outage);
    if (!ended) return;
    const lasted = now() - ended.since;
    // When an outage begins, answers to earlier requests still arrive.
    if ((attempts.failed > 0 || lasted >= 1000) && claimEnd(outage))
      onWarning(`${this.#name} answers again after ${spanText(lasted / 1000)}`);
  }

  #sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    return abortable(this.#options.sleep(milliseconds, signal), signal);
  }
}

export function isTransient(error: unknown): error is StoreError {
  return error instanceof StoreError && error.transient;
}
