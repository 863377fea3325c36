import { reasonOf } from '../../common/errors.ts';
import type { Compressor, DecodeBound, Decompressor, WritingEngine } from '../codec.ts';
import { damagedError } from '../errors.ts';
import { BoundedOutput } from '../output.ts';
import { narrowWindows, zstdParameters } from '../zstd.ts';
import { copyOut, Lazy, loadSharedLibrary, type Pointer, workspace } from './native.ts';

const SONAME = 'libzstd.so.1';

export const libzstd: WritingEngine<'libzstd'> = {
  name: 'libzstd',
  unavailable: () =>
    library.error === undefined
      ? undefined
      : `${SONAME} cannot be loaded (${reasonOf(library.error)}); on Debian: apt install libzstd1`,
  compressor,
  decompressor,
};

/** A size, or an error code at the upper end of size_t. */
type Result = number | bigint;

/** `ZSTD_ResetDirective` */
const SESSION_ONLY = 1;
const SESSION_AND_PARAMETERS = 3;

const library = new Lazy(() => {
  const { bind, addressOf } = loadSharedLibrary(SONAME);
  const isError = bind<(result: Result) => number>('unsigned int ZSTD_isError(size_t code)');
  const errorName = bind<(result: Result) => string>('const char *ZSTD_getErrorName(size_t code)');
  return {
    addressOf,
    /** `ZSTD_ErrorCode` */
    errorCode: bind<(result: Result) => number>('int ZSTD_getErrorCode(size_t code)'),
    /** @returns the name of the error, or undefined. */
    errorOf: (result: Result) => (isError(result) ? errorName(result) : undefined),
    compressContext: bind<() => Pointer>('void *ZSTD_createCCtx()')(),
    setParameter: bind<(c: Pointer, parameter: number, value: number) => Result>(
      'size_t ZSTD_CCtx_setParameter(void *c, int parameter, int value)',
    ),
    resetCompressor: bind<(c: Pointer, what: number) => Result>('size_t ZSTD_CCtx_reset(void *c, int what)'),
    compressBound: bind<(bytes: number) => number>('size_t ZSTD_compressBound(size_t n)'),
    compress: bind<(c: Pointer, output: Uint8Array, capacity: number, input: Uint8Array, bytes: number) => Result>(
      'size_t ZSTD_compress2(void *c, void *out, size_t capacity, const void *in, size_t n)',
    ),
    decompressContext: bind<() => Pointer>('void *ZSTD_createDCtx()')(),
    reset: bind<(d: Pointer, what: number) => Result>('size_t ZSTD_DCtx_reset(void *d, int what)'),
    decompress: bind<(d: Pointer, output: BigUint64Array, input: BigUint64Array) => Result>(
      'size_t ZSTD_decompressStream(void *d, void *out, void *in)',
    ),
  };
});

function compressor(level: number): Compressor {
  const lib = library.value;
  const parameters = Object.entries(zstdParameters(level)).map(
    ([parameter, value]) => [Number(parameter), value] as const,
  );
  return {
    algorithm: 'zst',
    engine: 'libzstd',
    level,
    compress(data, memory) {
      const context = lib.compressContext;
      // All compressors of a thread share the context, so another one may have set parameters.
      lib.resetCompressor(context, SESSION_AND_PARAMETERS);
      for (const [parameter, value] of parameters) lib.setParameter(context, parameter, value);
      const output = workspace.allocate(lib.compressBound(data.length));
      const bytes = lib.compress(context, output, output.length, data, data.length);
      const error = lib.errorOf(bytes);
      if (error !== undefined) throw new Error(`ZSTD_compress2 failed on ${data.length} bytes: ${error}`);
      return copyOut(output.subarray(0, Number(bytes)), memory);
    },
  };
}

/** `ZSTD_error_frameParameter_windowTooLarge` */
const WINDOW_TOO_LARGE = 16;

function decompressor(): Decompressor {
  const lib = library.value;
  return {
    algorithm: 'zst',
    engine: 'libzstd',
    decompress: (data, bound) => decompress(data, bound) ?? decompress(narrowWindows(data), bound) ?? failTooWide(),
  };

  /** @returns undefined if a frame requires a larger window than libzstd allows. */
  function decompress(data: Uint8Array, bound: DecodeBound): Uint8Array | undefined {
    if (data.length === 0) throw damagedError('zstd', 'it is empty');
    const output = new BoundedOutput('zstd', bound);
    lib.reset(lib.decompressContext, SESSION_ONLY);
    // ZSTD_inBuffer and ZSTD_outBuffer: address, size, position.
    const source = BigUint64Array.of(lib.addressOf(data), BigInt(data.length), 0n);
    for (;;) {
      const space = output.space();
      const target = BigUint64Array.of(lib.addressOf(space), BigInt(space.length), 0n);
      const before = source[2];
      const result = lib.decompress(lib.decompressContext, target, source);
      const error = lib.errorOf(result);
      if (error !== undefined && lib.errorCode(result) === WINDOW_TOO_LARGE) return undefined;
      if (error !== undefined) throw damagedError('zstd', error);
      const made = Number(target[2]);
      output.commit(made);
      const read = Number(source[2]);
      if (read === data.length && result === 0) return output.finish();
      const full = made === space.length;
      if (read === data.length && !full) throw damagedError('zstd', `truncated at byte ${data.length}`);
      if (made === 0 && source[2] === before) throw output.overflow();
    }
  }
}

function failTooWide(): never {
  throw damagedError('zstd', 'it requires a larger window than libzstd allows');
}
