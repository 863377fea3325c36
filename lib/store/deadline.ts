import { clearTimeout, setTimeout } from 'node:timers';
import { TransientError } from './errors.ts';

/**
 * Runs a call with a deadline. At the deadline the call's signal aborts, and the promise rejects even if the call
 * ignores its signal, so that a stalled connection cannot block the run.
 *
 * Does not use `AbortSignal.timeout`: on Node its timer does not keep the process alive, so that the process would end
 * before the deadline of a call that hangs.
 *
 * @param seconds maximum duration of the call.
 * @param what the action, for the message: `get "a.b/c" from s3:backups`.
 * @throws TransientError at the deadline.
 * @throws Error that is the reason of `signal`, if it aborts.
 */
export async function withDeadline<T>(
  seconds: number,
  what: string,
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(() => {
    controller.abort(new TransientError(`Cannot ${what}: no answer within ${seconds} s`));
  }, seconds * 1000);
  try {
    return await abortable(call(controller.signal), controller.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

/**
 * Waits for a promise, but rejects with the signal's reason as soon as it aborts. The later result of the promise is
 * ignored.
 *
 * Does not use `AbortSignal.any`: on Node 20 each use leaks memory in a signal that lives as long as the run.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) {
      promise.catch(() => {});
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/**
 * A deadline for each of millions of steps, with one timer and one listener for all of them. `withDeadline` would
 * create both for every object of a listing, which costs more than the rest of the work on an object.
 */
export class StepDeadline {
  readonly #milliseconds: number;
  readonly #what: string;
  readonly #signal: AbortSignal | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Rejects the current step. */
  #reject: ((reason: unknown) => void) | undefined;
  #start = 0;
  readonly #abort = () => this.#reject?.(this.#signal?.reason);

  /**
   * @param seconds maximum duration of one step.
   * @param what the action, for the message: `list s3:backups`.
   */
  constructor(seconds: number, what: string, signal: AbortSignal | undefined) {
    this.#milliseconds = seconds * 1000;
    this.#what = what;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /**
   * Runs one step. Steps must not overlap.
   *
   * @throws TransientError at the deadline.
   * @throws Error of the call, or that is the signal's reason.
   */
  async step<T>(call: () => Promise<T>): Promise<T> {
    this.#signal?.throwIfAborted();
    const result = new Promise<T>((resolve, reject) => {
      this.#reject = reject;
      call().then(resolve, reject);
    });
    this.#start = performance.now();
    // The timer keeps the process alive during a step only.
    if (this.#timer) this.#timer.ref();
    else this.#arm(this.#milliseconds);
    try {
      return await result;
    } finally {
      this.#reject = undefined;
      this.#timer?.unref();
    }
  }

  /** Restarts the deadline of the current step. */
  restart(): void {
    this.#start = performance.now();
  }

  /** Removes the timer and the listener, after the last step. */
  close(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#abort);
  }

  #arm(milliseconds: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#reject) return;
      // The timer is from an earlier step, and timers may fire a millisecond early.
      const left = this.#milliseconds - (performance.now() - this.#start);
      if (left > 1) this.#arm(left);
      else this.#reject(new TransientError(`Cannot ${this.#what}: no answer within ${this.#milliseconds / 1000} s`));
    }, milliseconds);
  }
}
