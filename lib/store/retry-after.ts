/**
 * Parses a `Retry-After` header: seconds, or a date (RFC 9110, section 10.2.3).
 *
 * @param now by the clock that wrote the date, in milliseconds since 1970.
 * @returns milliseconds to wait; undefined if the header is missing or invalid.
 */
export function parseRetryAfter(header: string | null | undefined, now: number = Date.now()): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const until = /^[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(until) ? undefined : Math.max(0, until - now);
}
