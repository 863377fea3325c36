import { codeOf, reasonOf } from '../../../common/errors.ts';
import { abortable } from '../../deadline.ts';
import { PermanentError, plainHttpReason, TooLargeError, TransientError } from '../../errors.ts';
import { concat } from '../body.ts';
import type { HttpClient, HttpResponse } from './http.ts';

/** One request, and how much of an answer is wanted. */
export interface Exchange {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** The longest body of an answer that is taken; an error's is cut there. */
  readonly maxBytes: number;
  /** Size that the body of a good answer is expected to have. @default 0 */
  readonly expectedBytes?: number | undefined;
  /** Called when a part of the answer's body has arrived. */
  readonly onProgress?: (() => void) | undefined;
  /** For messages: `store "a.b/c" on swift:backups`. */
  readonly doing: string;
  readonly signal: AbortSignal | undefined;
}

/** What the server said, whatever it was. */
export interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: Uint8Array;
}

/** Sends a request without a token. */
export type Send = (request: Exchange) => Promise<Answer>;

/** In seconds. */
export interface Deadlines {
  readonly idle: number;
  readonly total: number;
}

/** A slower body than this counts as stalled, in bytes a second. */
const SLOWEST_BODY = 64 * 1024;

/** How much of an error's text is read. */
const ERROR_BYTES = 64 * 1024;

/**
 * Sends a request and reads the whole answer, within the deadlines.
 *
 * @param underWay holds the request's controller meanwhile: whoever aborts it ends the request with that reason.
 * @throws TransientError when the connection fails or a deadline passes; TooLargeError when a good answer has more than
 *   `maxBytes`; PermanentError when the server's certificate is not trusted; the reason of `signal` when that aborts.
 */
export async function exchange(
  client: HttpClient,
  deadlines: Deadlines,
  request: Exchange,
  underWay: Set<AbortController>,
): Promise<Answer> {
  const { method, url, headers, body, doing, signal } = request;
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  underWay.add(controller);
  const timeOut = (seconds: number) => controller.abort(noAnswer(doing, seconds));
  signal?.addEventListener('abort', abort, { once: true });
  const sentSeconds = (body?.length ?? 0) / SLOWEST_BODY;
  const totalSeconds =
    deadlines.total + sentSeconds + Math.min(request.expectedBytes ?? 0, request.maxBytes) / SLOWEST_BODY;
  const total = setTimeout(timeOut, totalSeconds * 1000, totalSeconds);
  let idle: ReturnType<typeof setTimeout> | undefined;
  const heard = (patience = deadlines.idle) => {
    clearTimeout(idle);
    idle = setTimeout(timeOut, patience * 1000, patience);
  };
  try {
    heard(Math.min(totalSeconds, deadlines.idle + sentSeconds));
    const sent = client.send(url, {
      method,
      headers: { 'accept-encoding': 'identity', ...headers },
      ...(body !== undefined && { body: sendable(body) }),
      signal: controller.signal,
    });
    const response = await abortable(sent, controller.signal);
    heard();
    return {
      status: response.status,
      headers: response.headers,
      body: await readBody(response, request, controller.signal, heard),
    };
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason;
    throw networkError(error, doing);
  } finally {
    clearTimeout(total);
    clearTimeout(idle);
    signal?.removeEventListener('abort', abort);
    underWay.delete(controller);
  }
}

/** `fetch` takes no view of memory that threads share. */
function sendable(body: Uint8Array | string): Uint8Array<ArrayBuffer> | string {
  if (typeof body === 'string') return body;
  const { buffer, byteOffset, byteLength } = body;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, byteLength) : Uint8Array.from(body);
}

async function readBody(
  { status, headers, body }: HttpResponse,
  { maxBytes, doing, onProgress }: Exchange,
  signal: AbortSignal,
  heard: () => void,
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
      heard();
      onProgress?.();
      size += value.length;
      chunks.push(value);
      if (size > most && good) throw tooLarge(doing, `more than ${most}`, most);
      if (size > most) return concat(chunks, size).subarray(0, most);
    }
  } finally {
    // Of a body that was read to its end, this does nothing.
    reader.cancel().catch(() => {});
  }
}

function tooLarge(doing: string, has: number | string, most: number): TooLargeError {
  return new TooLargeError(`Cannot ${doing}: it has ${has} bytes, and ${most} is the most asked for`);
}

function noAnswer(doing: string, seconds: number): TransientError {
  return new TransientError(`Cannot ${doing}: no answer within ${Math.round(seconds * 10) / 10} s`);
}

/** What Node (by code) and Deno (in words) say of a certificate that they do not trust. */
const UNTRUSTED = /^(ERR_TLS_|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)|invalid peer certificate/;

function networkError(error: unknown, doing: string): unknown {
  if (error instanceof TooLargeError) return error;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = codeOf(cause);
  const why = code === 'UNEXPECTED' ? reasonOf(cause) : code;
  if (UNTRUSTED.test(why) || UNTRUSTED.test(reasonOf(error))) {
    return new PermanentError(
      `Cannot ${doing}: the server's certificate is not trusted (${why}); give its authority as the CA bundle`,
      { cause: error },
    );
  }
  const plain = plainHttpReason(why, reasonOf(cause), reasonOf(error));
  if (plain !== undefined) return new PermanentError(`Cannot ${doing}: ${plain}`, { cause: error });
  return new TransientError(`Cannot ${doing}: the connection failed (${why})`, { cause: error });
}
