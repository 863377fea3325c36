import { InvalidOptionError } from './errors.ts';

/** A day (calendar date, week date or day of the year) and optionally a time, in basic or extended format. */
const ISO =
  /^(\d{4})(-?)(?:(\d{2})\2(\d{2})|W(\d{2})\2([1-7])|(\d{3}))(?:T(\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d+))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/i;

/**
 * Parses a date in ISO-8601, to the day or finer. UTC if it has no offset.
 *
 * @throws InvalidOptionError if `text` is not such a date.
 */
export function parseDate(text: string): Date {
  const [, year, , month, day, week, weekday, dayOfYear, ...time] = ISO.exec(normalize(text)) ?? [];
  const date =
    month !== undefined
      ? calendarDate(Number(year), Number(month), Number(day))
      : week !== undefined
        ? weekDate(Number(year), Number(week), Number(weekday))
        : ordinalDate(Number(year), Number(dayOfYear));
  const ms = (date ?? Number.NaN) + timeOf(time);
  if (!Number.isNaN(ms)) return new Date(ms);
  throw new InvalidOptionError(
    `Cannot parse the date ${JSON.stringify(text)}: it is not ISO-8601. Use the form 2026-11-22T03:14:15+00:00.`,
  );
}

/** Returns whether a date that {@link parseDate} accepts has an offset from UTC. */
export function hasOffset(text: string): boolean {
  return /T.*(?:Z|[+-]\d{2}(?::?\d{2})?)$/i.test(normalize(text));
}

/** Accepts a space in place of the `T`. */
function normalize(text: string): string {
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

/** In ISO-8601, week 1 contains 4 January, and a week belongs to the year of its Thursday. */
function weekDate(year: number, week: number, weekday: number): number | undefined {
  const monday = 4 - ((new Date(utc(year, 1, 4)).getUTCDay() + 6) % 7) + (week - 1) * 7;
  return new Date(utc(year, 1, monday + 3)).getUTCFullYear() === year ? utc(year, 1, monday + weekday - 1) : undefined;
}

/** `Date.UTC` would read a year below 100 as 19xx. */
function utc(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day);
}

/** @returns milliseconds since midnight UTC, or NaN if the time or the offset is out of range. */
function timeOf([hour = '0', minute = '0', second = '0', fraction = '0', offset = 'Z']: (
  | string
  | undefined
)[]): number {
  const [, sign = '+', hours = '0', minutes = '0'] = /([+-])(\d{2}):?(\d{2})?/.exec(offset) ?? [];
  const ms = Math.floor(Number(`0.${fraction}`) * 1000);
  const inDay = (Number(hour) * 3600 + Number(minute) * 60 + Number(second)) * 1000 + ms;
  const away = Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  // 24:00 is the end of the day.
  const within = inDay <= 24 * 3600 * 1000 && Number(hours) < 24 && [minute, second, minutes].every(isSixtieth);
  return within ? inDay - away : Number.NaN;
}

function isSixtieth(text: string): boolean {
  return Number(text) < 60;
}
