import type { Allocate } from '../tree/read-file.ts';

/** What a thread keeps for the next file at most, in bytes. */
const KEPT_BYTES = 2 ** 25;
/** In steps, so that files of almost one size share one buffer. */
const STEP_BYTES = 2 ** 16;

/**
 * Memory that one task uses, and the next one uses again: fresh memory has to be found and zeroed, a page at a time. A
 * second task that comes meanwhile gets memory of its own.
 */
export class Scratch {
  #free: Uint8Array | undefined;

  /**
   * Lends memory until the promise settles; nobody may look into it afterwards.
   *
   * @param use gets a function that returns memory of that many bytes or more, holding anything.
   */
  async lend<T>(use: (allocate: Allocate) => Promise<T>): Promise<T> {
    let memory: Uint8Array = new Uint8Array(0);
    try {
      return await use((bytes) => {
        // Taken when it is needed, so that a task that still waits keeps it from no other.
        if (memory.length < bytes && this.#free) {
          memory = this.#free;
          this.#free = undefined;
        }
        // A lone buffer, not a part of the pool that others use.
        if (memory.length < bytes) memory = Buffer.allocUnsafeSlow(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES);
        return memory;
      });
    } finally {
      const isBetter = memory.length > (this.#free?.length ?? 0);
      if (isBetter && memory.length <= KEPT_BYTES) this.#free = memory;
    }
  }
}
