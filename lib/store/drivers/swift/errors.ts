import { DeniedError, NotFoundError, PermanentError, type StoreError, TransientError } from '../../errors.ts';
import type { Answer } from './exchange.ts';

/**
 * What an answer means that is no success.
 *
 * @param doing what was tried: `store "a.b/c" on swift:backups`.
 * @param secrets the server's own words are left out when one of these is in them.
 */
export function swiftError(answer: Answer, doing: string, secrets: readonly string[]): StoreError {
  return statusError(answer.status, doing, wordsOf(answer, secrets), retryAfterOf(answer));
}

/** What an HTTP status means, wherever it stands: a bulk delete tells one for each object. */
export function statusError(status: number, doing: string, words = '', retryAfter?: number): StoreError {
  const message = (why: string) => `Cannot ${doing}: ${why} (${status}${words})`;
  const transient = (why: string) =>
    new TransientError(message(why), { ...(retryAfter !== undefined && { retryAfter }) });
  if (status === 401) return new DeniedError(message('the credentials are refused'));
  if (status === 403) return new DeniedError(message('this user may not do that'));
  if (status === 404) return new NotFoundError(message('there is no such object'));
  if (status === 409) return transient('another request was ahead of it');
  if (status === 422) return transient('the body was damaged on its way to the server');
  if (status === 413) return new PermanentError(message('it is too large for the server, or a quota is used up'));
  if (status >= 300 && status < 400) {
    return new PermanentError(message('the server sends us elsewhere; give the URL that it means'));
  }
  if ([408, 425, 429, 498, 499].includes(status)) return transient('the server is busy');
  if (status === 501 || status === 505) return new PermanentError(message('the server cannot do that'));
  if (status >= 500) return transient('the server failed');
  return new PermanentError(message('the server refuses'));
}

/** The server's explanation in a line, and the id of the request in its log. */
function wordsOf({ status, headers, body }: Answer, secrets: readonly string[]): string {
  const where = status >= 300 && status < 400 ? headers.get('location') : undefined;
  const told = status === 401 ? '' : (where ?? new TextDecoder().decode(body.subarray(0, 4096)));
  const text = told
    .replace(/<[^>]*>/g, ' ')
    .replace(/[^\p{L}\p{N}\p{P}\p{S}]+/gu, ' ')
    .trim();
  const transaction = headers.get('x-trans-id') ?? headers.get('x-openstack-request-id');
  const parts = [text.slice(0, 200), transaction ? `request ${transaction.slice(0, 100)}` : ''];
  const words = parts.filter((part) => part !== '').map((part) => `; ${part}`);
  return secrets.some((secret) => secret !== '' && told.includes(secret)) ? '' : words.join('');
}

/** In milliseconds; `Retry-After` is in seconds or a date. */
function retryAfterOf({ headers }: Answer): number | undefined {
  const text = headers.get('retry-after')?.trim();
  if (!text) return undefined;
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const until = /^[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  const now = Date.parse(headers.get('date') ?? '') || Date.now();
  return Number.isNaN(until) ? undefined : Math.max(0, until - now);
}
