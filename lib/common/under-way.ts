/** Calls that have not come back yet, though whoever waited for them may have gone. */
export class UnderWay {
  readonly #calls = new Set<Promise<unknown>>();

  track<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call);
    const forget = () => this.#calls.delete(call);
    call.then(forget, forget);
    return call;
  }

  /** Waits until all of them have come back, however they end. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#calls);
  }
}
