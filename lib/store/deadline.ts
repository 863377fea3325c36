import { clearTimeout, setTimeout } from 'node:timers';
import { TransientError } from './errors.ts';

/**
 * Runs one call with a deadline: its signal aborts then, and the promise rejects then, even if the call pays no heed to
 * its signal. So a connection that stalls costs its deadline, never the run.
 *
 * Not `AbortSignal.timeout`: on Node its timer does not keep the process alive, which would end, with a call hung,
 * before the deadline.
 *
 * @param seconds how long the call may take.
 * @param what for the message: `get "a.b/c" from s3:backups`.
 * @throws TransientError at the deadline; the reason of `signal` when that aborts.
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
 * Settles as the promise does, or rejects with the signal's reason as soon as that aborts, even if whoever was asked
 * pays no heed to the signal. What the promise brings afterwards is dropped.
 *
 * Not `AbortSignal.any`: on Node 20 each use leaves something behind in a signal that lives as long as the run.
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
 * A deadline for each step of something that has millions, with one timer and one listener for all: `withDeadline` would
 * make both anew for every object of a listing, which costs more than all that is done with the object.
 */
export class StepDeadline {
  readonly #milliseconds: number;
  readonly #what: string;
  readonly #signal: AbortSignal | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Ends the step that is under way. */
  #reject: ((reason: unknown) => void) | undefined;
  #began = 0;
  readonly #abort = () => this.#reject?.(this.#signal?.reason);

  /**
   * @param seconds how long one step may take.
   * @param what for the message: `list s3:backups`.
   */
  constructor(seconds: number, what: string, signal: AbortSignal | undefined) {
    this.#milliseconds = seconds * 1000;
    this.#what = what;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /**
   * Settles as the call does, unless the deadline or the signal comes first. One step at a time.
   *
   * @throws TransientError at the deadline; the signal's reason when that aborts.
   */
  async step<T>(call: () => Promise<T>): Promise<T> {
    this.#signal?.throwIfAborted();
    const stopped = new Promise<T>((resolve, reject) => {
      this.#reject = reject;
      call().then(resolve, reject);
    });
    this.#began = performance.now();
    // The process is to stay for as long as a step is under way, and no longer.
    if (this.#timer) this.#timer.ref();
    else this.#arm(this.#milliseconds);
    try {
      return await stopped;
    } finally {
      this.#reject = undefined;
      this.#timer?.unref();
    }
  }

  /** Gives the step that is under way its whole time again. */
  restart(): void {
    this.#began = performance.now();
  }

  /** There are no more steps. */
  close(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#abort);
  }

  #arm(milliseconds: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#reject) return;
      // Not before its time: timers may be a millisecond early.
      const left = this.#milliseconds - (performance.now() - this.#began);
      if (left > 1) this.#arm(left);
      else this.#reject(new TransientError(`Cannot ${this.#what}: no answer within ${this.#milliseconds / 1000} s`));
    }, milliseconds);
  }
}
