import { clearTimeout, setTimeout } from 'node:timers';

/** A request under way. Times are those of `performance.now()`. */
export interface PendingRequest {
  /** When it ends if nothing arrives until then. */
  idleAt: number;
  /** When it ends in any case. */
  readonly totalAt: number;
  /** Ends it at its deadline. */
  expire(now: number): void;
  /** Ends it for another reason. */
  fail(reason: Error): void;
}

/** The deadlines of all requests of a client, with one timer: one for each request costs more than signing it. */
export class Deadlines {
  readonly #pending = new Set<PendingRequest>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  add(request: PendingRequest): void {
    this.#pending.add(request);
    // The timer keeps the process alive only while a request is under way.
    if (this.#pending.size === 1) this.#timer?.ref();
    this.#arm(Math.min(request.idleAt, request.totalAt));
  }

  delete(request: PendingRequest): void {
    if (this.#pending.delete(request) && this.#pending.size === 0) this.#timer?.unref();
  }

  /** The requests under way. */
  [Symbol.iterator](): IterableIterator<PendingRequest> {
    return this.#pending.values();
  }

  /** The timer may fire too early for any request, since arriving data moves `idleAt`, but never too late. */
  #arm(at: number): void {
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#check(), Math.max(1, at - performance.now()));
  }

  #check(): void {
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const request of this.#pending) {
      const at = Math.min(request.idleAt, request.totalAt);
      // Timers may fire a millisecond early.
      if (at - now <= 1) request.expire(now);
      else next = Math.min(next, at);
    }
    if (this.#pending.size > 0) this.#arm(next);
  }
}
