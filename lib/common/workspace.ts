/** A larger buffer is not kept for the next call. */
const KEPT_BYTES = 2 ** 25;
/** Sizes are rounded up, so that files of almost the same size can use the same buffer. */
const STEP_BYTES = 2 ** 16;

/**
 * A buffer that a thread reuses for work without `await`: the kernel zeroes each page of new memory, and old memory
 * stays until the next garbage collection.
 */
export class Workspace {
  #kept: Uint8Array = new Uint8Array(0);

  /** @returns at least that many bytes, with any content; valid until the next call or the next `await`. */
  readonly allocate = (bytes: number): Uint8Array => {
    if (this.#kept.length >= bytes) return this.#kept;
    // Not a part of Node's shared pool.
    const memory = new Uint8Array(Buffer.allocUnsafeSlow(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES).buffer);
    if (memory.length <= KEPT_BYTES) this.#kept = memory;
    return memory;
  };
}
