import { DateTime } from 'luxon';
import { InvalidOptionError } from './errors.ts';

/**
 * Reads a date that a person gave: ISO-8601 with any offset, to the day or finer. Without an offset it is UTC.
 *
 * @throws InvalidOptionError
 */
export function parseDate(text: string): Date {
  const date = DateTime.fromISO(text.trim().replace(/^(\d{4}-\d{2}-\d{2}) /, '$1T'), { zone: 'utc' });
  if (date.isValid) return date.toJSDate();
  throw new InvalidOptionError(
    `Cannot read a date: it must be ISO-8601, like 2026-11-22T03:14:15+00:00: got ${JSON.stringify(text)}`,
  );
}
