import type { Algorithm } from './codec.ts';
import type { CompressorOptions } from './engine.ts';
import type { Level } from './levels.ts';

export interface FormatOptions {
  /** @default 'gz' */
  readonly algorithm?: Exclude<Algorithm, 'sz'>;
  /** `auto`, `fflate`, `zlib`, `libdeflate` or `isal`. @default 'auto' */
  readonly gzipEngine?: string;
  /**
   * On the scale of the engine; see `levels.ts` for the defaults. `fastest` is the fastest level, and with `auto` also
   * selects the fastest engine.
   */
  readonly gzipLevel?: Level;
}

export function compressorOptions({ algorithm, gzipEngine, gzipLevel }: FormatOptions): CompressorOptions {
  return {
    ...(algorithm !== undefined && { algorithm }),
    ...(gzipEngine !== undefined && { gzipEngine }),
    // The option is a gzip level; Zstandard has another scale.
    ...(gzipLevel !== undefined && algorithm !== 'zst' && { level: gzipLevel }),
  };
}
