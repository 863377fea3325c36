import { foreign } from '../../system/foreign.ts';

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
