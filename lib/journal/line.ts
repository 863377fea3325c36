/*
 * A line of a journal: `metric value timestamp\n`, as carbon's plaintext protocol has it.
 *
 * Carbon splits a line with Python's `str.split()`, so white space and control characters in a name are written as the
 * hex digits of their UTF-8 bytes, `%20`. A `%` that would be read as the start of such an escape becomes `%25`.
 */

/** Characters that `str.split()` splits on, and other control characters. */
const SPACE = /[\p{Cc}\p{Z}]/gu;

/** The escapes of these characters, without their first `%`. */
const ESCAPE = '(?:[01][0-9A-F]|20|7F|C2%(?:[89][0-9A-F]|A0)|E1%9A%80|E2%80%(?:8[0-9A]|A8|A9|AF)|E2%81%9F|E3%80%80)';

const LOOKS_ESCAPED = new RegExp(`%(?=(?:25)*${ESCAPE})`, 'g');
const ESCAPED = new RegExp(`%25(?=(?:25)*${ESCAPE})|%${ESCAPE}`, 'g');

/** Returns the name of a metric in a line: the metric itself, unless it has white space or control characters. */
export function lineNameOf(metric: string): string {
  return metric
    .replace(LOOKS_ESCAPED, '%25')
    .replace(SPACE, (character) => [...new TextEncoder().encode(character)].map((byte) => `%${hex(byte)}`).join(''));
}

/** The inverse of {@link lineNameOf}. */
export function metricOfLineName(name: string): string {
  return name.replace(ESCAPED, (found) => (found === '%25' ? '%' : decodeURIComponent(found)));
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}

/** Returns the shortest text that reads back to the same double. */
export function valueText(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
  if (Number.isNaN(value)) return 'nan';
  return value > 0 ? 'inf' : '-inf';
}

/** The inverse of {@link valueText}. @returns undefined if the text is not a number. */
export function parseValue(text: string): number | undefined {
  if (text === 'nan') return Number.NaN;
  if (text === 'inf') return Number.POSITIVE_INFINITY;
  if (text === '-inf') return Number.NEGATIVE_INFINITY;
  return /^-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?$/.test(text) ? Number(text) : undefined;
}
