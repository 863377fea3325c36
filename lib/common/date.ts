import { InvalidOptionError } from './errors.ts';

/** A whole day (calendar date, week date or day of the year), and a time to the hour or finer; basic or extended. */
const ISO =
  /^(\d{4})(-?)(?:(\d{2})\2(\d{2})|W(\d{2})\2([1-7])|(\d{3}))(?:T(\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/i;

/**
 * Reads a date that a person gave: ISO-8601 with any offset, to the day or finer. Without an offset it is UTC.
 *
 * @throws InvalidOptionError
 */
export function parseDate(text: string): Date {
  const [, year, , month, day, week, weekday, dayOfYear, ...time] = ISO.exec(isoOf(text)) ?? [];
  const date =
    month !== undefined
      ? calendarDate(Number(year), Number(month), Number(day))
      : week !== undefined
        ? weekDate(Number(year), Number(week), Number(weekday))
        : ordinalDate(Number(year), Number(dayOfYear));
  const ms = (date ?? Number.NaN) + timeOf(time);
  if (!Number.isNaN(ms)) return new Date(ms);
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

function calendarDate(year: number, month: number, day: number): number | undefined {
  const ms = utc(year, month, day);
  const date = new Date(ms);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? ms : undefined;
}

function ordinalDate(year: number, day: number): number | undefined {
  const ms = utc(year, 1, day);
  return new Date(ms).getUTCFullYear() === year ? ms : undefined;
}

/** Week 1 is the one with 4 January in it, and a week belongs to the year of its Thursday. */
function weekDate(year: number, week: number, weekday: number): number | undefined {
  const monday = 4 - ((new Date(utc(year, 1, 4)).getUTCDay() + 6) % 7) + (week - 1) * 7;
  return new Date(utc(year, 1, monday + 3)).getUTCFullYear() === year ? utc(year, 1, monday + weekday - 1) : undefined;
}

/** `Date.UTC` takes years below 100 for those of the twentieth century. */
function utc(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day);
}

/** In milliseconds, less the offset; NaN for a time that no clock shows. */
function timeOf([hour = '0', minute = '0', second = '0', fraction = '0', offset = 'Z']: (
  | string
  | undefined
)[]): number {
  const [, sign = '+', hours = '0', minutes = '0'] = /([+-])(\d{2}):?(\d{2})?/.exec(offset) ?? [];
  const within = [hour, hours].every((text) => Number(text) < 24) && [minute, second, minutes].every(isSixtieth);
  const away = Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes));
  const seconds = Number(hour) * 3600 + (Number(minute) - away) * 60 + Number(second);
  return within ? seconds * 1000 + Math.floor(Number(`0.${fraction}`) * 1000) : Number.NaN;
}

function isSixtieth(text: string): boolean {
  return Number(text) < 60;
}
