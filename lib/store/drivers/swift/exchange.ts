import { codeOf, reasonOf } from '../../../common/errors.ts';
import { abortable } from '../../deadline.ts';
import { PermanentError, plainHttpReason, TooLargeError, TransientError } from '../../errors.ts';
import { concat } from '../body.ts';
import type { HttpClient, HttpResponse } from './http.ts';

export interface Exchange {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** The maximum size of the body of a successful response. */
  readonly maxBytes: number;
  /** Expected size of the body of a successful response. @default 0 */
  readonly expectedBytes?: number | undefined;
  /** Called for each chunk of the response's body. */
  readonly onProgress?: (() => void) | undefined;
  /** The action, for messages: `store "a.b/c" on swift:backups`. */
  readonly doing: string;
  readonly signal: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: Uint8Array;
}

export type Send = (request: Exchange) => Promise<Answer>;

/** In seconds. */
export interface Deadlines {
  readonly idle: number;
  readonly total: number;
}

/** A slower transfer of a body counts as stalled. */
const MIN_BYTES_PER_SECOND = 64 * 1024;

/** How much of the body of an error response is read. */
const ERROR_BYTES = 64 * 1024;

/**
 * Sends a request and reads the whole response, within the deadlines.
 *
 * @param pending contains the request's controller while it runs; aborting it ends the request with that reason.
 * @throws TransientError if the connection fails or a deadline passes.
 * @throws TooLargeError if a successful response has more than `maxBytes`.
 * @throws PermanentError if the server's certificate is not trusted.
 * @throws Error that is the reason of `signal`, if it aborts.
 */
export async function exchange(
  client: HttpClient,
  deadlines: Deadlines,
  request: Exchange,
  pending: Set<AbortController>,
): Promise<Answer> {
  const { method, url, headers, body, doing, signal } = request;
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  pending.add(controller);
  const timeOut = (seconds: number) => controller.abort(noAnswer(doing, seconds));
  signal?.addEventListener('abort', abort, { once: true });
  const sendSeconds = (body?.length ?? 0) / MIN_BYTES_PER_SECOND;
  const totalSeconds =
    deadlines.total + sendSeconds + Math.min(request.expectedBytes ?? 0, request.maxBytes) / MIN_BYTES_PER_SECOND;
  const total = setTimeout(timeOut, totalSeconds * 1000, totalSeconds);
  let idle: ReturnType<typeof setTimeout> | undefined;
  const restartIdle = (seconds = deadlines.idle) => {
    clearTimeout(idle);
    idle = setTimeout(timeOut, seconds * 1000, seconds);
  };
  try {
    restartIdle(Math.min(totalSeconds, deadlines.idle + sendSeconds));
    const sent = client.send(url, {
      method,
      headers: { 'accept-encoding': 'identity', ...headers },
      ...(body !== undefined && { body: sendable(body) }),
      signal: controller.signal,
    });
    const response = await abortable(sent, controller.signal);
    restartIdle();
    return {
      status: response.status,
      headers: response.headers,
      body: await readBody(response, request, controller.signal, restartIdle),
    };
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason;
    throw networkError(error, doing);
  } finally {
    clearTimeout(total);
    clearTimeout(idle);
    signal?.removeEventListener('abort', abort);
    pending.delete(controller);
  }
}

/** Copies shared memory, which `fetch` does not accept. */
function sendable(body: Uint8Array | string): Uint8Array<ArrayBuffer> | string {
  if (typeof body === 'string') return body;
  const { buffer, byteOffset, byteLength } = body;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, byteLength) : Uint8Array.from(body);
}

async function readBody(
  { status, headers, body }: HttpResponse,
  { maxBytes, doing, onProgress }: Exchange,
  signal: AbortSignal,
  restartIdle: () => void,
): Promise<Uint8Array> {
  if (!body) return new Uint8Array(0);
  const reader = body.getReader();
  const good = status >= 200 && status < 300;
  const most = good ? maxBytes : ERROR_BYTES;
  const announced = Number(headers.get('content-length') ?? 0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    if (announced > most && good) throw tooLarge(doing, announced, most);
    for (;;) {
      const { done, value } = await abortable(reader.read(), signal);
      if (done) return concat(chunks, size);
      restartIdle();
      onProgress?.();
      size += value.length;
      chunks.push(value);
      if (size > most && good) throw tooLarge(doing, `more than ${most}`, most);
      if (size > most) return concat(chunks, size).subarray(0, most);
    }
  } finally {
    // Does nothing after the end of the body.
    reader.cancel().catch(() => {});
  }
}

function tooLarge(doing: string, has: number | string, most: number): TooLargeError {
  return new TooLargeError(`Cannot ${doing}: it has ${has} bytes, the limit is ${most}`);
}

function noAnswer(doing: string, seconds: number): TransientError {
  return new TransientError(`Cannot ${doing}: no answer within ${Math.round(seconds * 10) / 10} s`);
}

/** Errors of Node (a code) and Deno (a text) for an untrusted certificate. */
const UNTRUSTED = /^(ERR_TLS_|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)|invalid peer certificate/;

function networkError(error: unknown, doing: string): unknown {
  if (error instanceof TooLargeError) return error;
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
