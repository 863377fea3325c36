import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { TooLargeError, TransientError } from '../../errors.ts';
import { concat } from '../body.ts';
import type { Agents } from './agents.ts';
import { Deadlines, type PendingRequest } from './deadlines.ts';

export interface Origin {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

export interface Exchange {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly origin: Origin;
  /** Encoded path and query, sent as it is. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | undefined;
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
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** The whole body of a successful response; of others the beginning. */
  readonly body: Uint8Array;
}

export interface HttpClientOptions {
  readonly agents: Agents;
  /**
   * Seconds without data from the server. While a body is sent, which does not show progress, one second more for each
   * 64 KiB.
   */
  readonly idle: number;
  /** Seconds for one request with its whole response; one second more for each 64 KiB of the bodies. */
  readonly total: number;
  /** Called for each request sent. */
  readonly onRequest?: (() => void) | undefined;
}

/** A slower transfer of a body counts as stalled. */
const MIN_BYTES_PER_SECOND = 64 * 1024;

/** How much of the body of an error response is read. */
const ERROR_BYTES = 64 * 1024;

export function originOf({ protocol, hostname, port }: URL): Origin {
  const secure = protocol === 'https:';
  // A URL has brackets around an IPv6 address, a socket has none.
  return { secure, host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (secure ? 443 : 80) };
}

/** Returns a header of a response. @param name in lower case. */
export function headerOf({ headers }: Answer, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

/** Sends requests over connections that are kept open. */
export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #deadlines = new Deadlines();

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  /**
   * Sends a request and reads the whole response, within the deadlines.
   *
   * @returns the response, with any status.
   * @throws TransientError if a deadline passes or the response ends early.
   * @throws TooLargeError if a successful response has more than `maxBytes`.
   * @throws Error of the network before a response, or that is the reason of `signal`, if it aborts.
   */
  async send(exchange: Exchange): Promise<Answer> {
    exchange.signal?.throwIfAborted();
    this.#options.onRequest?.();
    const transfer = new Transfer(exchange, this.#options);
    this.#deadlines.add(transfer);
    try {
      return await transfer.answer;
    } finally {
      this.#deadlines.delete(transfer);
    }
  }

  /** Ends the running requests with an error, and closes the connections. */
  close(reason: Error): void {
    for (const transfer of this.#deadlines) transfer.fail(reason);
    this.#options.agents.http.destroy();
    this.#options.agents.https.destroy();
  }
}

/** One request and its response. */
class Transfer implements PendingRequest {
  readonly answer: Promise<Answer>;
  readonly totalAt: number;
  idleAt: number;
  readonly #exchange: Exchange;
  readonly #request: ClientRequest;
  readonly #idle: number;
  readonly #total: number;
  readonly #chunks: Uint8Array[] = [];
  readonly #abort: (() => void) | undefined;
  #size = 0;
  #isSettled = false;
  #resolve: (answer: Answer) => void = () => {};
  #reject: (reason: unknown) => void = () => {};

  constructor(exchange: Exchange, { agents, idle, total }: HttpClientOptions) {
    const { origin, method, path, headers, body, maxBytes, expectedBytes = 0, signal } = exchange;
    const { secure, host, port } = origin;
    const sendSeconds = (body?.length ?? 0) / MIN_BYTES_PER_SECOND;
    const now = performance.now();
    this.#exchange = exchange;
    this.#total = total + sendSeconds + Math.min(expectedBytes, maxBytes) / MIN_BYTES_PER_SECOND;
    this.#idle = idle;
    this.totalAt = now + this.#total * 1000;
    this.idleAt = now + (idle + sendSeconds) * 1000;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#request = secure
      ? requestHttps({ agent: agents.https, host, port, method, path, headers })
      : requestHttp({ agent: agents.http, host, port, method, path, headers });
    this.#request.on('error', (error) => this.fail(error));
    this.#request.on('response', (response) => this.#read(response));
    if (signal) {
      this.#abort = () => this.fail(signal.reason);
      signal.addEventListener('abort', this.#abort);
    }
    this.#request.end(body === undefined || typeof body === 'string' ? body : sendable(body));
  }

  expire(now: number): void {
    const seconds = now >= this.totalAt - 1 ? this.#total : this.#idle;
    this.fail(
      new TransientError(`Cannot ${this.#exchange.doing}: no answer within ${Math.round(seconds * 10) / 10} s`),
    );
  }

  /** Ends the request, unless it has its answer. */
  fail(error: unknown): void {
    if (!this.#settle()) return;
    this.#reject(error);
    this.#request.destroy();
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    if (this.#abort) this.#exchange.signal?.removeEventListener('abort', this.#abort);
    return true;
  }

  #read(response: IncomingMessage): void {
    const { doing, maxBytes, onProgress } = this.#exchange;
    const { statusCode: status = 0, headers } = response;
    const good = status >= 200 && status < 300;
    const most = good ? maxBytes : ERROR_BYTES;
    const announced = headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
    const broken = (cause?: unknown) => {
      const how = announced === undefined ? 'early' : `after ${this.#size} of ${announced} bytes`;
      this.fail(new TransientError(`Cannot ${doing}: the response ended ${how}`, cause ? { cause } : {}));
    };
    const tooLarge = (bytes: number) =>
      new TooLargeError(`Cannot ${doing}: it has at least ${bytes} bytes, the limit is ${maxBytes}`);
    this.#restartIdle();
    if (good && announced !== undefined && announced > most) {
      this.fail(tooLarge(announced));
      return;
    }
    response.on('data', (chunk: Uint8Array) => {
      if (this.#isSettled) return;
      this.#restartIdle();
      onProgress?.();
      this.#size += chunk.length;
      this.#chunks.push(chunk);
      if (this.#size <= most) return;
      if (good) this.fail(tooLarge(this.#size));
      else this.#finish(status, headers, concat(this.#chunks, this.#size).subarray(0, most));
      this.#request.destroy();
    });
    response.on('end', () => {
      if (!response.complete || (announced !== undefined && announced !== this.#size)) broken();
      else this.#finish(status, headers, concat(this.#chunks, this.#size));
    });
    response.on('error', broken);
    response.on('close', () => broken());
  }

  #finish(status: number, headers: IncomingHttpHeaders, body: Uint8Array): void {
    if (this.#settle()) this.#resolve({ status, headers, body });
  }

  #restartIdle(): void {
    this.idleAt = performance.now() + this.#idle * 1000;
  }
}

/** Copies shared memory, which a socket of Deno does not accept. */
function sendable(body: Uint8Array): Uint8Array {
  return body.buffer instanceof ArrayBuffer ? body : Uint8Array.from(body);
}
