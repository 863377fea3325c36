import type { Tally } from '../common/summary.ts';
import { LAST_YEAR } from '../common/timestamp.ts';

/** A key of a backup or tombstone, but for its year. */
const DATED_TOO_LATE = /\/(\d{4})-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00\.[^/]*$/;

/**
 * Counts a key that is not ours, and names it if it would be but for its date: a clock was wrong when it was written.
 *
 * @returns whether it was named.
 */
export function countForeign(tally: Tally, key: string): boolean {
  tally.add('foreignKeys');
  const year = DATED_TOO_LATE.exec(key)?.[1];
  if (year === undefined || Number(year) <= LAST_YEAR) return false;
  const reason =
    `it is ignored, because its date is in the year ${year} and no key could come after it: ` +
    'rename it to the date when it was written, or delete it';
  tally.note({ metric: key, code: 'DATE_TOO_LATE', reason });
  return true;
}
