/** The most that a thread keeps for the next bodies. */
const KEPT_BYTES = 2 ** 24;
/** Sizes are rounded up, so that bodies of about the same size can use the same buffer. */
const STEP_BYTES = 2 ** 16;
/** How many times larger than a body its buffer may be. */
const WASTE = 4;

/**
 * Buffers for bodies that are being uploaded, reused for the next ones. The garbage collector would free them too late,
 * because it only considers JavaScript's heap, and bodies are outside of it.
 */
export class Bodies {
  readonly #free: Uint8Array[] = [];
  #freeBytes = 0;
  readonly #lent = new WeakSet<ArrayBufferLike>();

  /** @returns at least that many bytes, with any content. */
  readonly take = (bytes: number): Uint8Array => {
    const steps = Math.max(1, Math.ceil(bytes / STEP_BYTES)) * STEP_BYTES;
    const i = this.#free.findIndex(({ length }) => length >= steps && length <= WASTE * steps);
    const [found] = i < 0 ? [] : this.#free.splice(i, 1);
    const memory = found ?? new Uint8Array(Buffer.allocUnsafeSlow(steps).buffer);
    this.#freeBytes -= found?.length ?? 0;
    this.#lent.add(memory.buffer);
    return memory;
  };

  /**
   * Takes back the buffer of a body that is no longer used.
   *
   * @param body a part of a buffer from `take`; other bytes are ignored.
   */
  giveBack({ buffer }: Uint8Array): void {
    const size = buffer.byteLength;
    if (!this.#lent.delete(buffer) || this.#freeBytes + size > KEPT_BYTES) return;
    this.#free.push(new Uint8Array(buffer));
    this.#freeBytes += size;
  }
}
