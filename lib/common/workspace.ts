/** More is not kept for the next call. */
const KEPT_BYTES = 2 ** 25;
/** In steps, so that files of almost one size share one buffer. */
const STEP_BYTES = 2 ** 16;

/**
 * Memory that a thread uses again and again for work without `await`: fresh memory has to be found and zeroed, a page
 * at a time, and stays until the next garbage collection.
 */
export class Workspace {
  #kept: Uint8Array = new Uint8Array(0);

  /** @returns memory of that many bytes or more, holding anything; valid until the next call or the next `await`. */
  readonly allocate = (bytes: number): Uint8Array => {
    if (this.#kept.length >= bytes) return this.#kept;
    // A buffer of its own, not a part of the pool that others use.
    const memory = new Uint8Array(Buffer.allocUnsafeSlow(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES).buffer);
    if (memory.length <= KEPT_BYTES) this.#kept = memory;
    return memory;
  };
}
