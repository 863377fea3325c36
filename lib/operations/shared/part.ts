import { createHash } from 'node:crypto';
import { InvalidOptionError } from '../../common/errors.ts';

/** One of several disjoint parts that together contain all metrics. */
export interface Part {
  /** From 1 to `of`. */
  readonly number: number;
  readonly of: number;
}

/** One part per night would take 180 years. */
const MAX_PARTS = 65_536;

const DAY_MS = 86_400_000;

/**
 * Parses `n/t`, the n-th of t parts, or `today/t`, the part of this day (UTC), so that t successive days cover all
 * parts.
 *
 * @param what the start of the error message: the failed action and the option.
 * @throws InvalidOptionError
 */
export function parsePart(text: string, what = 'Cannot verify: --read-data', now = new Date()): Part {
  const [, number, of] = /^(\d{1,9}|today)\/(\d{1,9})$/.exec(text) ?? [];
  const part = { number: number === 'today' ? partOfDay(now, Number(of)) : Number(number), of: Number(of) };
  if (part.number >= 1 && part.number <= part.of && part.of <= MAX_PARTS) return part;
  throw new InvalidOptionError(
    `${what} must be n/t (the n-th of t parts, e.g. 1/7) or today/t, with t at most ${MAX_PARTS}: got ${JSON.stringify(text)}`,
  );
}

function partOfDay(now: Date, of: number): number {
  return (Math.floor(now.getTime() / DAY_MS) % of) + 1;
}

/**
 * Returns whether a metric is in a part: the first 48 bits of the SHA-1 of the dotted name, as a number, modulo `of`,
 * are `number - 1`. This depends only on the name, so a metric never moves to another part.
 */
export function isInPart(metric: string, { number, of }: Part): boolean {
  const hash = createHash('sha1').update(metric).digest();
  return hash.readUIntBE(0, 6) % of === number - 1;
}
