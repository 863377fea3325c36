import { clearTimeout, setTimeout } from 'node:timers';
import { TransientError } from './errors.ts';

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
