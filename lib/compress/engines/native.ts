import { foreign } from '../../system/libc.ts';

/** A pointer into native memory, as the foreign function interface hands it out; 0n or null is no memory. */
export type Pointer = bigint | null;

/** A library of the host's that was loaded. */
export interface SharedLibrary {
  /**
   * Binds a C function. `F` is the caller's promise of what `declaration` means in TypeScript: `size_t` and `int` are
   * numbers, buffers are `Uint8Array`s, which the callee reads and writes in place.
   */
  bind<F extends (...args: never[]) => unknown>(declaration: string): F;
  /** Where a buffer lies, for a struct that points to it. Valid as long as the buffer is referenced. */
  addressOf(buffer: Uint8Array): bigint;
}

/**
 * Loads a shared library by its versioned name, so that its interface is known.
 *
 * @param soname e.g. `libdeflate.so.0`.
 * @throws Error when it cannot be loaded here, or the foreign function interface itself cannot.
 */
export function loadSharedLibrary(soname: string): SharedLibrary {
  const koffi = foreign();
  if (koffi.sizeof('void *') !== 8) throw new Error('only 64-bit hosts are supported');
  // Node carries a zstd of its own and exports its symbols: without "deep" the library would call into that one.
  const library = koffi.load(soname, { deep: true });
  return {
    bind: <F extends (...args: never[]) => unknown>(declaration: string): F =>
      // koffi types every function alike; the caller names the real type.
      library.func(declaration) as unknown as F,
    addressOf: (buffer) => koffi.address(buffer),
  };
}

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

/** What is kept for the next call at most, in bytes. */
const KEPT_BYTES = 2 ** 25;

let kept = new Uint8Array(0);

/**
 * Memory for the output of one call of a native compressor, at its worst case, which is much more than most files need;
 * to allocate that for each file would cost more than to copy the result out. One for each thread: it holds good until
 * the next call.
 *
 * @returns at least that many bytes, holding anything.
 */
export function workspace(bytes: number): Uint8Array {
  if (kept.length >= bytes) return kept;
  const memory = new Uint8Array(bytes);
  if (bytes <= KEPT_BYTES) kept = memory;
  return memory;
}
