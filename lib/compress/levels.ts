import { InvalidOptionError } from '../errors.ts';
import type { WritingEngineName } from './codec.ts';

/** An engine's own scale: higher is slower and smaller. */
export interface Levels {
  readonly min: number;
  readonly max: number;
  readonly default: number;
}

/** The levels of every engine that compresses. */
export const levels: Readonly<Record<WritingEngineName, Levels>> = {
  libdeflate: { min: 1, max: 12, default: 5 },
  isal: { min: 0, max: 3, default: 3 },
  zlib: { min: 1, max: 9, default: 5 },
  fflate: { min: 1, max: 9, default: 5 },
  libzstd: { min: 1, max: 19, default: 3 },
  nodezstd: { min: 1, max: 19, default: 3 },
};

/**
 * The level asked for, or the engine's default.
 *
 * @throws InvalidOptionError when the engine has no such level.
 */
export function levelOf(engine: WritingEngineName, asked: number | undefined): number {
  const { min, max, default: usual } = levels[engine];
  const level = asked ?? usual;
  if (!Number.isInteger(level) || level < min || level > max) {
    throw new InvalidOptionError(
      `Cannot compress: 'level' of ${engine} must be a whole number from ${min} to ${max}: got ${level}`,
    );
  }
  return level;
}
