import { DateTime } from 'luxon';
import { InvalidOptionError } from './errors.ts';

/** A whole day first (calendar date, week date or day of the year), so that a time alone is not taken for one of today. */
const WHOLE_DAY = /^\d{4}-?(?:\d{2}-?\d{2}|W\d{2}-?\d|\d{3})(?!\d)/;

/** What Luxon takes for an offset, and no clock has: 24 hours or more. */
const FAR_OFFSET = /T.*[+-](?:[3-9]\d|2[4-9])(?::?\d{2})?$/;

/**
 * Reads a date that a person gave: ISO-8601 with any offset, to the day or finer. Without an offset it is UTC.
 *
 * @throws InvalidOptionError
 */
export function parseDate(text: string): Date {
  const iso = isoOf(text);
  const date = DateTime.fromISO(iso, { zone: 'utc' });
  if (date.isValid && WHOLE_DAY.test(iso) && !FAR_OFFSET.test(iso)) return date.toJSDate();
  throw new InvalidOptionError(
    `Cannot read a date: it must be ISO-8601, like 2026-11-22T03:14:15+00:00: got ${JSON.stringify(text)}`,
  );
}

/** Whether a date that {@link parseDate} reads names its offset from UTC. */
export function hasOffset(text: string): boolean {
  return /T.*(?:Z|[+-]\d{2}(?::?\d{2})?)$/i.test(isoOf(text));
}

function isoOf(text: string): string {
  return text.trim().replace(/^(\d{4}-\d{2}-\d{2}) /, '$1T');
}
