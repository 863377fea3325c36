import type { Tally } from '../common/summary.ts';
import { LAST_YEAR } from '../common/timestamp.ts';

/** A key that would be a backup or tombstone if its year were valid. */
const DATED_TOO_LATE = /\/(\d{4})-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00\.[^/]*$/;

/**
 * Counts a foreign key. If only its year is invalid, because a clock was wrong, also adds it to the notes.
 *
 * @returns whether it was added to the notes.
 */
export function countForeign(tally: Tally, key: string): boolean {
  tally.add('foreignKeys');
  const year = DATED_TOO_LATE.exec(key)?.[1];
  if (year === undefined || Number(year) <= LAST_YEAR) return false;
  const reason =
    `it is ignored, because its date is in the year ${year} and no later backup could sort after it. ` +
    'Rename it to the date when it was written, or delete it.';
  tally.note({ metric: key, code: 'DATE_TOO_LATE', reason });
  return true;
}
