/** Tracks pending calls, including those that nobody waits for any more. */
export class PendingCalls {
  readonly #calls = new Set<Promise<unknown>>();

  track<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call);
    const forget = () => this.#calls.delete(call);
    call.then(forget, forget);
    return call;
  }

  /** Waits until all tracked calls have ended; never rejects. */
  async waitForAll(): Promise<void> {
    await Promise.allSettled(this.#calls);
  }
}
