import { crc32 } from 'node:zlib';
import { gzipSync, Inflate } from 'fflate';
import type { Compressor, Decompressor } from '../codec.ts';
import { damagedError, engineUnavailable } from '../errors.ts';
import { gunzip, normalizeGzipHeader, type RawInflate } from '../gzip.ts';

/** @param level from 1 to 9, checked by the caller. */
export function compressor(level: number): Compressor {
  return {
    algorithm: 'gz',
    engine: 'fflate',
    level,
    compress(data) {
      // The default of `mtime` is the current time.
      const compressed = gzipSync(data, { level: level as 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9, mtime: 0 });
      return normalizeGzipHeader(compressed.slice());
    },
  };
}

export function decompressor(): Decompressor {
  return gunzip(raw);
}

/** Small, because one push may produce 1,032 times as many bytes before the bound can stop it. */
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
    throw damagedError('gzip', `the deflate stream is truncated at byte ${data.length}`);
  },
};

/**
 * Returns how many of the pushed bytes follow the end of the stream; undefined before its end.
 *
 * fflate does not export where the stream ended, so this reads its internal state: `s.f` is set in the last block,
 * `s.l` while a block is open, `p` are the unused pushed bytes, and `s.p` the number of used bits in the first of them.
 * The version of fflate is pinned, and a test fails if these names change.
 */
function unusedAtEnd(inflate: object): number | undefined {
  const state: unknown = Reflect.get(inflate, 's');
  const pending: unknown = Reflect.get(inflate, 'p');
  if (typeof state !== 'object' || state === null || !(pending instanceof Uint8Array)) {
    throw engineUnavailable('Cannot decompress gzip: this version of fflate is not supported. Reinstall with npm ci.');
  }
  if (!Reflect.get(state, 'f') || Reflect.get(state, 'l')) return undefined;
  return pending.length - (Reflect.get(state, 'p') > 0 ? 1 : 0);
}
