import { reasonOf } from '../../common/errors.ts';
import type { Compressor, WritingEngine } from '../codec.ts';
import { damagedError } from '../errors.ts';
import { gunzip, normalizeGzipHeader, type RawInflate } from '../gzip.ts';
import { copyOut, Lazy, loadSharedLibrary, type Pointer, workspace } from './native.ts';
import { inflateHead } from './zlib.ts';

const SONAME = 'libdeflate.so.0';

/** libdeflate of the host: small output at good speed, for whole buffers only. */
export const libdeflate: WritingEngine<'libdeflate'> = {
  name: 'libdeflate',
  unavailable: () =>
    library.error === undefined
      ? undefined
      : `${SONAME} cannot be loaded (${reasonOf(library.error)}); on Debian: apt install libdeflate0`,
  compressor,
  decompressor: () => gunzip(raw),
};

const library = new Lazy(() => {
  const { bind } = loadSharedLibrary(SONAME);
  return {
    allocCompressor: bind<(level: number) => Pointer>('void *libdeflate_alloc_compressor(int level)'),
    gzipBound: bind<(c: Pointer, bytes: number) => number>('size_t libdeflate_gzip_compress_bound(void *c, size_t n)'),
    gzip: bind<(c: Pointer, input: Uint8Array, bytes: number, output: Uint8Array, capacity: number) => number>(
      'size_t libdeflate_gzip_compress(void *c, const void *in, size_t n, void *out, size_t capacity)',
    ),
    decompressor: bind<() => Pointer>('void *libdeflate_alloc_decompressor()')(),
    inflate: bind<
      (
        d: Pointer,
        input: Uint8Array,
        n: number,
        out: Uint8Array,
        capacity: number,
        read: number[],
        made: number[],
      ) => number
    >(
      'int libdeflate_deflate_decompress_ex(void *d, const void *in, size_t n, void *out, size_t capacity, _Out_ size_t *read, _Out_ size_t *made)',
    ),
    crc32: bind<(crc: number, data: Uint8Array, bytes: number) => number>(
      'uint32_t libdeflate_crc32(uint32_t crc, const void *data, size_t n)',
    ),
    compressors: new Map<number, Pointer>(),
  };
});

function compressor(level: number): Compressor {
  const lib = library.value;
  // Native memory is never freed, so keep one compressor for each level and thread.
  const native = lib.compressors.get(level) ?? lib.allocCompressor(level);
  if (!native) throw new RangeError(`libdeflate does not support level ${level}`);
  lib.compressors.set(level, native);
  return {
    algorithm: 'gz',
    engine: 'libdeflate',
    level,
    compress(data, memory) {
      const output = workspace.allocate(lib.gzipBound(native, data.length));
      const bytes = lib.gzip(native, data, data.length, output, output.length);
      if (bytes === 0) throw new Error(`libdeflate_gzip_compress failed at level ${level} on ${data.length} bytes`);
      return normalizeGzipHeader(copyOut(output.subarray(0, bytes), memory));
    },
  };
}

/** `enum libdeflate_result` */
const SUCCESS = 0;
const INSUFFICIENT_SPACE = 3;

const raw: RawInflate = {
  engine: 'libdeflate',
  crc32: (data) => library.value.crc32(0, data, data.length),
  inflate(data, output) {
    const lib = library.value;
    const read = [0];
    const made = [0];
    for (;;) {
      const space = output.space();
      const result = lib.inflate(lib.decompressor, data, data.length, space, space.length, read, made);
      if (result === SUCCESS) {
        output.commit(made[0] ?? 0);
        return read[0] ?? 0;
      }
      if (result !== INSUFFICIENT_SPACE) throw damagedError('gzip', 'bad deflate stream');
      // Small files never get here. For others the first bytes determine the size of the buffer; otherwise each attempt
      // starts over with a larger one.
      if (!output.isLimited) output.limitBy(inflateHead(data));
      output.widen();
    }
  },
};
