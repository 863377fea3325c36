/** The only form in which a key holds a time, by the Python tool's `strftime`: UTC, to the second. */
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00$/;

/** As a key holds it: `2026-11-22T03:14:15+00:00`. Fractions of a second are dropped. */
export function formatTimestamp(time: Date): string {
  return `${time.toISOString().slice(0, 19)}+00:00`;
}

/** The time a key's timestamp tells, or undefined when it is none: other form, or a day that does not exist. */
export function parseTimestamp(text: string): Date | undefined {
  if (!TIMESTAMP.test(text)) return undefined;
  const time = new Date(text);
  return !Number.isNaN(time.getTime()) && formatTimestamp(time) === text ? time : undefined;
}
