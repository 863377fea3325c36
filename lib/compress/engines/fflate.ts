import { crc32 } from 'node:zlib';
import { gzipSync, Inflate } from 'fflate';
import type { Compressor, Decompressor } from '../codec.ts';
import { damaged, engineUnavailable } from '../errors.ts';
import { gunzip, type RawInflate, settleGzipHeader } from '../gzip.ts';

/** Of `fflate`. @param level from 1 to 9, checked by the caller. */
export function compressor(level: number): Compressor {
  return {
    algorithm: 'gz',
    engine: 'fflate',
    level,
    compress(data) {
      // Without a time of its own fflate writes the present one. The range was checked.
      const compressed = gzipSync(data, { level: level as 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9, mtime: 0 });
      return settleGzipHeader(compressed.slice());
    },
  };
}

export function decompressor(): Decompressor {
  return gunzip(raw);
}

/** Small, because one push may make 1,032 times as many bytes before the bound can stop it. */
const PUSH_BYTES = 8 * 1024;

const raw: RawInflate = {
  engine: 'fflate',
  crc32,
  inflate(data, output) {
    const inflate = new Inflate((chunk) => output.append(chunk));
    for (let at = 0; at < data.length; ) {
      const end = Math.min(at + PUSH_BYTES, data.length);
      inflate.push(data.subarray(at, end));
      at = end;
      const unused = unusedAtEnd(inflate);
      if (unused !== undefined) return at - unused;
    }
    throw damaged('gzip', `cut at byte ${data.length} of its deflate stream`);
  },
};

/**
 * Bytes pushed that are no part of the stream, once it has ended; undefined before.
 *
 * fflate knows where the stream ended, but says so nowhere in public: `s.f` is set while its last block is read, `s.l`
 * while a block is open, `s.p` are the bits used of the first byte of `p`, what was pushed and not used. Its version is
 * pinned, and a test fails should these names change.
 */
function unusedAtEnd(inflate: object): number | undefined {
  const state: unknown = Reflect.get(inflate, 's');
  const pending: unknown = Reflect.get(inflate, 'p');
  if (typeof state !== 'object' || state === null || !(pending instanceof Uint8Array)) {
    throw engineUnavailable('Cannot decompress gzip: this version of fflate is not known; reinstall with npm ci');
  }
  if (!Reflect.get(state, 'f') || Reflect.get(state, 'l')) return undefined;
  return pending.length - (Reflect.get(state, 'p') > 0 ? 1 : 0);
}
