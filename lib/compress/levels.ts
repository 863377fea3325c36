import { InvalidOptionError } from '../common/errors.ts';
import type { WritingEngineName } from './codec.ts';

/** The scale of an engine: higher levels are slower and have smaller output. */
interface Levels {
  readonly min: number;
  readonly max: number;
  readonly default: number;
  /** The fastest level that is worth using. */
  readonly fastest: number;
  /**
   * If no level is given, this one is used for files of which the default would not save this share of bytes (0 to 1).
   */
  readonly light?: { readonly level: number; readonly unlessGain: number };
}

export type Level = number | 'fastest';

/**
 * The defaults are based on `node --import tsx bench/measure/gzip.ts`: 28 generated Whisper files of 226 KB, 6,331,696
 * bytes in all; one thread on a Xeon; Node 20.20, libdeflate 1.14, ISA-L 2.30.
 *
 * | engine     | level | MB/s | stored bytes | ratio | |
 * |------------|------:|-----:|-------------:|------:|-|
 * | libdeflate |     1 |  188 |    2,709,855 |  2.34 | |
 * | libdeflate |     2 |  137 |    2,599,401 |  2.44 | about as small as gzip -9 (2,601,690), larger for some files |
 * | libdeflate |     4 |  118 |    2,588,493 |  2.45 | |
 * | libdeflate | **5** |   89 |    2,441,774 |  2.59 | 6 % smaller than gzip -9: the only large step on this scale |
 * | libdeflate |     6 |   72 |    2,437,403 |  2.60 | a fifth slower for 0.2 % |
 * | libdeflate |    10 |   19 |    2,383,640 |  2.66 | |
 * | ISA-L      |     0 |  535 |    3,374,701 |  1.88 | |
 * | ISA-L      |     1 |  536 |    2,825,556 |  2.24 | used for `fastest`: as fast as level 0 |
 * | ISA-L      | **3** |  443 |    2,776,873 |  2.28 | five times as fast as libdeflate, 14 % larger |
 * | zlib       |     1 |   77 |    2,649,203 |  2.39 | |
 * | zlib       | **5** |   51 |    2,564,750 |  2.47 | smaller than gzip -9 |
 * | zlib       |     6 |   34 |    2,561,603 |  2.47 | a third slower for 0.1 % |
 * | zlib       |     9 |    6 |    2,559,839 |  2.47 | |
 * | fflate     |     1 |   30 |    2,690,594 |  2.35 | |
 * | fflate     | **5** |   26 |    2,634,182 |  2.40 | |
 * | fflate     |     6 |   19 |    2,628,821 |  2.41 | a quarter slower for 0.2 % |
 * | libzstd    |     1 |  325 |    2,678,431 |  2.36 | |
 * | libzstd    | **3** |  281 |    2,575,434 |  2.46 | |
 * | libzstd    |     4 |  139 |    2,593,600 |  2.44 | |
 * | libzstd    |     6 |  109 |    2,434,059 |  2.60 | 5 % smaller at 40 % of the speed |
 * | libzstd    |     8 |   72 |    2,369,683 |  2.67 | |
 *
 * Decompression: libdeflate and ISA-L 500 MB/s, zlib 310, fflate 35; libzstd 750, `node:zlib` on Deno 140, because its
 * checks are in JavaScript. The host was busy; a quiet host was a tenth faster.
 *
 * The ratio depends on the data, from 1.4 for averages with many digits to 13 for mostly empty files. The order of the
 * engines hardly depends on it. `auto` prefers libdeflate because backups are stored for months.
 *
 * libdeflate uses level 5 only where it helps: it saves a fifth of the bytes for constants and counters, a twentieth
 * for other files, and always takes twice the time. Of the 396 MB of `scripts/big-tree.ts large`, level 5 made 104.7 MB
 * in 2.8 s, level 1 118.6 MB in 1.3 s, and the choice by two samples of each file 112.5 MB in 1.9 s; gzip -9 makes
 * 113.1 MB.
 */
export const levels: Readonly<Record<WritingEngineName, Levels>> = {
  libdeflate: { min: 1, max: 12, default: 5, fastest: 1, light: { level: 1, unlessGain: 0.15 } },
  isal: { min: 0, max: 3, default: 3, fastest: 1 },
  zlib: { min: 1, max: 9, default: 5, fastest: 1 },
  fflate: { min: 1, max: 9, default: 5, fastest: 1 },
  libzstd: { min: 1, max: 19, default: 3, fastest: 1 },
  nodezstd: { min: 1, max: 19, default: 3, fastest: 1 },
};

/**
 * Resolves a level; undefined is the default of the engine.
 *
 * @throws InvalidOptionError if the engine does not have this level.
 */
export function levelOf(engine: WritingEngineName, requested: Level | undefined): number {
  const { min, max, default: usual, fastest } = levels[engine];
  const level = requested === 'fastest' ? fastest : (requested ?? usual);
  if (!Number.isInteger(level) || level < min || level > max) {
    throw new InvalidOptionError(
      `Cannot compress: 'level' of ${engine} must be a whole number from ${min} to ${max}: got ${level}`,
    );
  }
  return level;
}
