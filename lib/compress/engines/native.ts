import { Workspace } from '../../common/workspace.ts';
import { loadKoffi } from '../../system/libc.ts';

/** A pointer into native memory, as koffi returns it; 0n and null are null pointers. */
export type Pointer = bigint | null;

interface SharedLibrary {
  /**
   * Binds a C function. `F` must match `declaration`, which nothing checks: `size_t` and `int` are numbers, buffers are
   * `Uint8Array`s, which the function reads and writes in place.
   */
  bind<F extends (...args: never[]) => unknown>(declaration: string): F;
  /** Returns the address of a buffer, for a struct that points to it. Valid as long as the buffer is referenced. */
  addressOf(buffer: Uint8Array): bigint;
}

/**
 * Loads a shared library by its versioned name, which guarantees its interface.
 *
 * @param soname e.g. `libdeflate.so.0`.
 * @throws Error if the library or koffi cannot be loaded.
 */
export function loadSharedLibrary(soname: string): SharedLibrary {
  const koffi = loadKoffi();
  if (koffi.sizeof('void *') !== 8) throw new Error('only 64-bit hosts are supported');
  // Node exports the symbols of its own zstd: without "deep" the library would call those instead of its own.
  const library = koffi.load(soname, { deep: true });
  return {
    bind: <F extends (...args: never[]) => unknown>(declaration: string): F =>
      // koffi has one type for all functions.
      library.func(declaration) as unknown as F,
    addressOf: (buffer) => koffi.address(buffer),
  };
}

/** Loads a value on first use, and caches the value or the error. */
export class Lazy<T> {
  readonly #load: () => T;
  #outcome: { readonly value: T } | { readonly error: unknown } | undefined;

  constructor(load: () => T) {
    this.#load = load;
  }

  /** @throws Error that loading threw. */
  get value(): T {
    const outcome = this.#attempt();
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

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

/**
 * Memory for the worst-case output of a native compressor. Most files need much less, and allocating it for each file
 * would cost more than copying the result out.
 */
export const workspace = new Workspace();

/** Copies output from the workspace. @param memory provides memory for the copy. @default new memory */
export function copyOut(output: Uint8Array, memory?: (bytes: number) => Uint8Array): Uint8Array {
  if (!memory) return output.slice();
  const copy = memory(output.length).subarray(0, output.length);
  copy.set(output);
  return copy;
}
