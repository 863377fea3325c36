import { InvalidOptionError } from '../errors.ts';
import type { WritingEngineName } from './codec.ts';

/** An engine's own scale: higher is slower and smaller. */
export interface Levels {
  readonly min: number;
  readonly max: number;
  readonly default: number;
  /** The fastest one that is worth its bytes. */
  readonly fastest: number;
}

/** A level on the engine's own scale, or the fastest. */
export type Level = number | 'fastest';

/**
 * The levels of every engine that compresses. The defaults come from `node --import tsx scripts/measure-gzip.ts`: 28
 * made-up Whisper files of 226 KB, 6,331,696 bytes in all; one thread on a Xeon; Node 20.20, libdeflate 1.14, ISA-L 2.30.
 *
 * | engine     | level | MB/s | stored bytes | ratio | |
 * |------------|------:|-----:|-------------:|------:|-|
 * | gzip -9    |       |    6 |    2,601,690 |  2.43 | what the Python tool does |
 * | libdeflate |     2 |  143 |    2,599,401 |  2.44 | as small as gzip -9, but only just |
 * | libdeflate |     4 |  120 |    2,588,493 |  2.45 | |
 * | libdeflate | **5** |  100 |    2,441,774 |  2.59 | 6 % smaller than gzip -9: the one real step on this scale |
 * | libdeflate |     6 |   76 |    2,437,403 |  2.60 | a quarter slower for 0.2 % |
 * | libdeflate |    10 |   20 |    2,383,640 |  2.66 | |
 * | ISA-L      |     1 |  482 |    2,825,556 |  2.24 | |
 * | ISA-L      | **3** |  408 |    2,776,873 |  2.28 | four times as fast as libdeflate, 14 % larger |
 * | zlib       |     1 |   86 |    2,649,203 |  2.39 | |
 * | zlib       | **5** |   54 |    2,564,750 |  2.47 | smaller than gzip -9 |
 * | zlib       |     6 |   35 |    2,561,603 |  2.47 | a third slower for 0.1 % |
 * | fflate     |     1 |   45 |    2,690,594 |  2.35 | |
 * | fflate     | **5** |   34 |    2,634,182 |  2.40 | |
 * | fflate     |     6 |   27 |    2,628,821 |  2.41 | a fifth slower for 0.2 % |
 *
 * The ratio depends on the data: from 1.4 for averages with all their digits to 13 for files that are mostly empty; the
 * order of the engines hardly does. `auto` takes libdeflate first because what is stored is stored for months.
 * Zstandard's 3 is its own default.
 */
export const levels: Readonly<Record<WritingEngineName, Levels>> = {
  libdeflate: { min: 1, max: 12, default: 5, fastest: 1 },
  isal: { min: 0, max: 3, default: 3, fastest: 1 },
  zlib: { min: 1, max: 9, default: 5, fastest: 1 },
  fflate: { min: 1, max: 9, default: 5, fastest: 1 },
  libzstd: { min: 1, max: 19, default: 3, fastest: 1 },
  nodezstd: { min: 1, max: 19, default: 3, fastest: 1 },
};

/**
 * The level asked for, or the engine's default.
 *
 * @throws InvalidOptionError when the engine has no such level.
 */
export function levelOf(engine: WritingEngineName, asked: Level | undefined): number {
  const { min, max, default: usual, fastest } = levels[engine];
  const level = asked === 'fastest' ? fastest : (asked ?? usual);
  if (!Number.isInteger(level) || level < min || level > max) {
    throw new InvalidOptionError(
      `Cannot compress: 'level' of ${engine} must be a whole number from ${min} to ${max}: got ${level}`,
    );
  }
  return level;
}
