import { crc32 } from 'node:zlib';
import { reasonOf } from '../../common/errors.ts';
import type { Compressor, WritingEngine } from '../codec.ts';
import { damagedError } from '../errors.ts';
import { gunzip, normalizeGzipHeader, type RawInflate } from '../gzip.ts';
import { copyOut, Lazy, loadSharedLibrary, workspace } from './native.ts';

const SONAME = 'libisal.so.2';

/** ISA-L (igzip) of the host: by far the fastest engine, with the largest output. */
export const isal: WritingEngine<'isal'> = {
  name: 'isal',
  unavailable: () =>
    library.error === undefined
      ? undefined
      : `${SONAME} cannot be used (${reasonOf(library.error)}); on Debian: apt install libisal2`,
  compressor: (level) => compressor(library.value, level),
  decompressor: () => gunzip(inflater(library.value)),
};

/**
 * Offsets in `struct isal_zstream` and `struct inflate_state` on 64-bit hosts, from igzip_lib.h; the same in versions
 * 2.25, 2.30 and 2.32. `selfTest` verifies them before the engine is used.
 */
const ZSTREAM = {
  nextIn: 0,
  availIn: 8,
  nextOut: 16,
  availOut: 24,
  totalOut: 28,
  level: 40,
  levelBytes: 44,
  levelBuffer: 48,
  endOfStream: 56,
  gzipFlag: 60,
} as const;
const INFLATE = { nextOut: 0, availOut: 8, nextIn: 16, availIn: 32, bitsRead: 36, blockState: 21160 } as const;

/** More than the size of either struct (about 83 KB and 87 KB in 2.30). */
const STRUCT_BYTES = 256 * 1024;
/** More than `ISAL_DEF_LVL3_EXTRA_LARGE`, the most that any level needs. */
const LEVEL_BYTES = 1024 * 1024;
const UINT32_MAX = 2 ** 32 - 1;
const IGZIP_GZIP = 1;
/** `ISAL_BLOCK_FINISH` */
const FINISHED = 5;

type Call = (struct: Uint8Array) => number;

interface Isal {
  readonly deflateInit: (struct: Uint8Array) => void;
  readonly deflate: Call;
  readonly inflateInit: (struct: Uint8Array) => void;
  readonly inflate: Call;
  readonly addressOf: (buffer: Uint8Array) => bigint;
  /** Shared by all compressors of a thread, which have no state between calls. */
  readonly struct: Uint8Array;
  readonly fields: DataView;
  readonly levelBuffer: Uint8Array;
}

const library = new Lazy<Isal>(() => {
  const { bind, addressOf } = loadSharedLibrary(SONAME);
  const struct = new Uint8Array(STRUCT_BYTES);
  const loaded: Isal = {
    deflateInit: bind('void isal_deflate_init(void *stream)'),
    deflate: bind('int isal_deflate(void *stream)'),
    inflateInit: bind('void isal_inflate_init(void *state)'),
    inflate: bind('int isal_inflate(void *state)'),
    addressOf,
    struct,
    fields: new DataView(struct.buffer),
    levelBuffer: new Uint8Array(LEVEL_BYTES),
  };
  selfTest(loaded);
  return loaded;
});

/** @throws Error if the structs of this version have a different layout. */
function selfTest(lib: Isal): void {
  const text = new TextEncoder().encode('The quick brown fox jumps over the lazy dog. '.repeat(50));
  for (const level of [0, 1]) {
    const back = gunzip(inflater(lib)).decompress(compressor(lib, level).compress(text), { maxBytes: text.length });
    if (back.length !== text.length || back.some((byte, i) => byte !== text[i])) throw new Error('unsupported version');
  }
}

function compressor(lib: Isal, level: number): Compressor {
  return {
    algorithm: 'gz',
    engine: 'isal',
    level,
    compress(data, memory) {
      const { fields } = lib;
      // Level 0 uses a fixed code for literals, so incompressible data grows by more than with stored blocks.
      const output = workspace.allocate(Math.min(2 * data.length + 4096, UINT32_MAX));
      lib.deflateInit(lib.struct);
      fields.setBigUint64(ZSTREAM.nextIn, lib.addressOf(data), true);
      fields.setUint32(ZSTREAM.availIn, data.length, true);
      fields.setBigUint64(ZSTREAM.nextOut, lib.addressOf(output), true);
      fields.setUint32(ZSTREAM.availOut, output.length, true);
      fields.setUint32(ZSTREAM.level, level, true);
      fields.setUint32(ZSTREAM.levelBytes, lib.levelBuffer.length, true);
      fields.setBigUint64(ZSTREAM.levelBuffer, lib.addressOf(lib.levelBuffer), true);
      fields.setUint16(ZSTREAM.endOfStream, 1, true);
      fields.setUint16(ZSTREAM.gzipFlag, IGZIP_GZIP, true);
      const result = lib.deflate(lib.struct);
      if (
        result !== 0 ||
        fields.getUint32(ZSTREAM.availIn, true) !== 0 ||
        fields.getUint32(ZSTREAM.availOut, true) === 0
      ) {
        throw new Error(`isal_deflate failed with ${result} at level ${level} on ${data.length} bytes`);
      }
      return normalizeGzipHeader(copyOut(output.subarray(0, fields.getUint32(ZSTREAM.totalOut, true)), memory));
    },
  };
}

function inflater(lib: Isal): RawInflate {
  const { fields } = lib;
  return {
    engine: 'isal',
    crc32,
    inflate(data, output) {
      lib.inflateInit(lib.struct);
      fields.setBigUint64(INFLATE.nextIn, lib.addressOf(data), true);
      fields.setUint32(INFLATE.availIn, data.length, true);
      for (;;) {
        const space = output.space();
        fields.setBigUint64(INFLATE.nextOut, lib.addressOf(space), true);
        fields.setUint32(INFLATE.availOut, space.length, true);
        const result = lib.inflate(lib.struct);
        if (result < 0) throw damagedError('gzip', `bad deflate stream (ISA-L error ${result})`);
        const unused = fields.getUint32(INFLATE.availOut, true);
        output.commit(space.length - unused);
        if (fields.getUint32(INFLATE.blockState, true) === FINISHED) {
          const ahead = fields.getUint32(INFLATE.availIn, true) + (fields.getInt32(INFLATE.bitsRead, true) >> 3);
          return data.length - ahead;
        }
        if (unused > 0) throw damagedError('gzip', `the deflate stream is truncated at byte ${data.length}`);
        if (space.length === 0) throw output.overflow();
      }
    },
  };
}
