/** What a thread keeps at most for the next bodies, in bytes. */
const KEPT_BYTES = 2 ** 24;
/** In steps, so that one buffer serves bodies of about one size. */
const STEP_BYTES = 2 ** 16;
/** A body may lie in a buffer that is this many times larger. */
const WASTE = 4;

/**
 * Memory of the bodies on their way to the store, used again for the next ones. The garbage collector would come too
 * late: it counts objects in JavaScript's heap, and bodies lie outside of it.
 */
export class Bodies {
  readonly #free: Uint8Array[] = [];
  #freeBytes = 0;
  readonly #lent = new WeakSet<ArrayBufferLike>();

  /** @returns memory of that many bytes or more, holding anything. */
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
   * Takes back memory that nobody reads any more.
   *
   * @param body any part of what `take` returned, or bytes of another origin.
   */
  giveBack({ buffer }: Uint8Array): void {
    const size = buffer.byteLength;
    if (!this.#lent.delete(buffer) || this.#freeBytes + size > KEPT_BYTES) return;
    this.#free.push(new Uint8Array(buffer));
    this.#freeBytes += size;
  }
}
