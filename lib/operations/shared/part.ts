import { createHash } from 'node:crypto';
import { InvalidOptionError } from '../../common/errors.ts';

/** One of several parts that together hold every metric once. */
export interface Part {
  /** From 1 to `of`. */
  readonly number: number;
  readonly of: number;
}

/** More parts than there are nights in 180 years are of no use. */
const PARTS_AT_MOST = 65_536;

const DAY_MS = 86_400_000;

/**
 * Parses `n/t`, the n-th of t parts, or `today/t`, the part of this day (UTC): t days in a row cover every part once.
 *
 * @param what the start of the error message: what cannot be done, and the option.
 * @throws InvalidOptionError
 */
export function parsePart(text: string, what = 'Cannot verify: --read-data', now = new Date()): Part {
  const [, number, of] = /^(\d{1,9}|today)\/(\d{1,9})$/.exec(text) ?? [];
  const part = { number: number === 'today' ? partOfDay(now, Number(of)) : Number(number), of: Number(of) };
  if (part.number >= 1 && part.number <= part.of && part.of <= PARTS_AT_MOST) return part;
  throw new InvalidOptionError(
    `${what} must be n/t, the n-th of t parts, such as 1/7, or today/t, and t at most ${PARTS_AT_MOST}: got ${JSON.stringify(text)}`,
  );
}

/** The days since 1970, modulo `of`. */
function partOfDay(now: Date, of: number): number {
  return (Math.floor(now.getTime() / DAY_MS) % of) + 1;
}

/**
 * Whether a metric is in a part. Depends on the name alone, so it never changes: the first 48 bits of the SHA-1 of the
 * dotted name, as a number, modulo `of`, are `number - 1`.
 */
export function isInPart(metric: string, { number, of }: Part): boolean {
  const hash = createHash('sha1').update(metric).digest();
  return hash.readUIntBE(0, 6) % of === number - 1;
}
