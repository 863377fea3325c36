/**
 * A failure that rejects all pending and later calls.
 *
 * `Promise.race` with one shared promise would leak: a pending promise keeps the results of all its races in memory.
 */
export class SharedFailure {
  readonly #pending = new Set<(error: unknown) => void>();
  #failure: { readonly error: unknown } | undefined;

  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const reject of this.#pending) reject(error);
    this.#pending.clear();
  }

  /** @throws Error of the call, or the failure if that comes first. */
  guard<T>(call: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      call.then(resolve, reject).finally(() => this.#pending.delete(reject));
      if (this.#failure) reject(this.#failure.error);
    });
  }
}
