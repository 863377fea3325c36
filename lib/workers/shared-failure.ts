/**
 * The failure of something that many calls depend on. It rejects the calls that are under way, and every later one.
 *
 * `Promise.race` with one promise for all would do the same, but a promise that stays pending holds the result of every
 * race that it took part in.
 */
export class SharedFailure {
  readonly #pending = new Set<(error: unknown) => void>();
  #failure: { readonly error: unknown } | undefined;

  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const reject of this.#pending) reject(error);
    this.#pending.clear();
  }

  /** @returns the result of the call. @throws the call's error, or the failure if that comes first. */
  guard<T>(call: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      call.then(resolve, reject).finally(() => this.#pending.delete(reject));
      if (this.#failure) reject(this.#failure.error);
    });
  }
}
