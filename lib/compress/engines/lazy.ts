/** Something loaded at its first use; a failure is remembered too. */
export class Lazy<T> {
  readonly #load: () => T;
  #outcome: { readonly value: T } | { readonly error: unknown } | undefined;

  constructor(load: () => T) {
    this.#load = load;
  }

  /** @throws whatever loading threw. */
  get value(): T {
    const outcome = this.#attempt();
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  /** What loading threw, or undefined when it went well. */
  get error(): unknown {
    const outcome = this.#attempt();
    return 'error' in outcome ? outcome.error : undefined;
  }

  #attempt(): { readonly value: T } | { readonly error: unknown } {
    if (this.#outcome) return this.#outcome;
    try {
      this.#outcome = { value: this.#load() };
    } catch (error) {
      this.#outcome = { error };
    }
    return this.#outcome;
  }
}
