/**
 * How long a `Retry-After` header asks to wait, in milliseconds: seconds, or a date (RFC 9110, section 10.2.3).
 *
 * @returns undefined without the header, or when it cannot be understood.
 */
export function parseRetryAfter(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
