import { codeOf, reasonOf } from '../../../common/errors.ts';
import {
  DeniedError,
  NotFoundError,
  PermanentError,
  plainHttpReason,
  StoreError,
  TransientError,
  type Trouble,
} from '../../errors.ts';
import { parseRetryAfter } from '../../retry-after.ts';
import { type Answer, headerOf } from '../http/client.ts';
import { PROXY_LOGIN, ProxyError } from '../http/proxies.ts';

/**
 * Returns the error for a response whose status is not a success.
 *
 * @param doing the action, for the message: `store "a.b/c" on swift:backups`.
 * @param secrets the server's text is omitted if it contains one of these.
 */
export function swiftError(answer: Answer, doing: string, secrets: readonly string[]): StoreError {
  return statusError(answer.status, doing, wordsOf(answer, secrets), retryAfterOf(answer));
}

/** Returns the error for an HTTP status, also for that of one object in a bulk delete. */
export function statusError(status: number, doing: string, words = '', retryAfter?: number): StoreError {
  const message = (why: string) => `Cannot ${doing}: ${why} (${status}${words})`;
  const transient = (why: string, trouble?: Trouble) =>
    new TransientError(message(why), {
      ...(retryAfter !== undefined && { retryAfter }),
      ...(trouble !== undefined && { trouble }),
    });
  if (status === 401) return new DeniedError(message('the credentials are refused'));
  if (status === 403) return new DeniedError(message('this user does not have the permission'));
  if (status === 407) return new PermanentError(message(PROXY_LOGIN));
  if (status === 404) return new NotFoundError(message('there is no such object'));
  if (status === 409) return transient('it conflicts with another request');
  if (status === 422) return transient('the body was damaged in transit', 'wrong');
  if (status === 413) return new PermanentError(message('it is too large for the server, or a quota is exceeded'));
  if (status >= 300 && status < 400) {
    return new PermanentError(message('the server redirects to another URL; set that URL'));
  }
  if ([408, 425, 499].includes(status)) return transient('the server is busy');
  if (status === 429 || status === 498) return transient('the server is busy', 'busy');
  if (status === 501 || status === 505) return new PermanentError(message('the server does not support this'));
  if (status >= 500) return transient('the server failed', status === 503 ? 'busy' : undefined);
  return new PermanentError(message('the server rejected the request'));
}

/** Returns the server's explanation as one line, and the id of the request in its log. */
function wordsOf(answer: Answer, secrets: readonly string[]): string {
  const { status, body } = answer;
  const where = status >= 300 && status < 400 ? headerOf(answer, 'location') : undefined;
  const explanation = status === 401 ? '' : (where ?? new TextDecoder().decode(body.subarray(0, 4096)));
  const text = explanation
    .replace(/<[^>]*>/g, ' ')
    .replace(/[^\p{L}\p{N}\p{P}\p{S}]+/gu, ' ')
    .trim();
  const transaction = headerOf(answer, 'x-trans-id') ?? headerOf(answer, 'x-openstack-request-id');
  const parts = [text.slice(0, 200), transaction ? `request ${transaction.slice(0, 100)}` : ''];
  const words = parts.filter((part) => part !== '').map((part) => `; ${part}`);
  return secrets.some((secret) => secret !== '' && explanation.includes(secret)) ? '' : words.join('');
}

function retryAfterOf({ headers }: Answer): number | undefined {
  return parseRetryAfter(headers['retry-after'], Date.parse(headers.date ?? '') || Date.now());
}

/** Errors of Node (a code) and Deno (a text) for an untrusted certificate. */
const UNTRUSTED = /^(ERR_TLS_|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)|invalid peer certificate/;

/** Returns the error for a failed connection. Returns our own errors unchanged. */
export function networkError(error: unknown, doing: string): unknown {
  if (error instanceof StoreError) return error;
  if (error instanceof ProxyError) {
    const ErrorOf = error.code === 'PROXY_REFUSED' ? PermanentError : TransientError;
    return new ErrorOf(`Cannot ${doing}: ${error.message}`, { cause: error });
  }
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = codeOf(cause);
  const why = code === 'UNEXPECTED' ? reasonOf(cause) : code;
  if (UNTRUSTED.test(why) || UNTRUSTED.test(reasonOf(error))) {
    return new PermanentError(
      `Cannot ${doing}: the server's certificate is not trusted (${why}); set its authority as the CA bundle`,
      { cause: error },
    );
  }
  const plain = plainHttpReason(why, reasonOf(cause), reasonOf(error));
  if (plain !== undefined) return new PermanentError(`Cannot ${doing}: ${plain}`, { cause: error });
  return new TransientError(`Cannot ${doing}: the connection failed (${why})`, { cause: error });
}
