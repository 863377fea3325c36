import type { Allocate } from '../tree/read-file.ts';

/** The largest buffer that is kept for the next task. */
const KEPT_BYTES = 2 ** 25;
/** Sizes are rounded up, so that files of almost the same size can use the same buffer. */
const STEP_BYTES = 2 ** 16;

/**
 * A buffer that successive tasks reuse, because the kernel zeroes each page of new memory. A second task at the same
 * time gets its own buffer.
 */
export class Scratch {
  #free: Uint8Array | undefined;

  /**
   * Lends the buffer to a task; its content is only valid until the promise settles.
   *
   * @param use gets a function that returns a buffer of at least that many bytes, with any content.
   */
  async lend<T>(use: (allocate: Allocate) => Promise<T>): Promise<T> {
    let memory: Uint8Array = new Uint8Array(0);
    try {
      return await use((bytes) => {
        // Taken only now, so that a waiting task does not reserve it.
        if (memory.length < bytes && this.#free) {
          memory = this.#free;
          this.#free = undefined;
        }
        // Not a part of Node's shared pool.
        if (memory.length < bytes) memory = Buffer.allocUnsafeSlow(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES);
        return memory;
      });
    } finally {
      const isLarger = memory.length > (this.#free?.length ?? 0);
      if (isLarger && memory.length <= KEPT_BYTES) this.#free = memory;
    }
  }
}
