import type { Algorithm } from './codec.ts';
import type { CompressorOptions } from './engine.ts';
import type { Level } from './levels.ts';

/** How backups are compressed. */
export interface FormatOptions {
  /** @default 'gz' */
  readonly algorithm?: Exclude<Algorithm, 'sz'>;
  /** `auto`, `fflate`, `zlib`, `libdeflate` or `isal`. @default 'auto' */
  readonly gzipEngine?: string;
  /**
   * On the engine's own scale; the default of each engine was chosen by measurement. `fastest` is the fastest level, and
   * of `auto` the fastest engine.
   */
  readonly gzipLevel?: Level;
}

/** Returns the options of the compressor that writes this format. */
export function compressorOptions({ algorithm, gzipEngine, gzipLevel }: FormatOptions): CompressorOptions {
  return {
    ...(algorithm !== undefined && { algorithm }),
    ...(gzipEngine !== undefined && { gzipEngine }),
    // The option's scale is gzip's; Zstandard has one of its own.
    ...(gzipLevel !== undefined && algorithm !== 'zst' && { level: gzipLevel }),
  };
}
