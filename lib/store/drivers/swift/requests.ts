import { rootCertificates } from 'node:tls';
import { PermanentError, type StoreError } from '../../errors.ts';
import { createAgents } from '../http/agents.ts';
import { type Answer, type Exchange, HttpClient, type Origin, originOf } from '../http/client.ts';
import { networkError, swiftError } from './errors.ts';
import { login, type SendRequest } from './login.ts';
import { checkOptions, type SwiftStoreOptions, secretsOf } from './options.ts';
import { type Access, Session } from './session.ts';

export interface AccountRequest extends Omit<Exchange, 'origin' | 'path' | 'headers'> {
  /** The encoded path after the account's URL; '' is the account. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** After a 403 no other renews the token for this time: if a permission is missing, there are many. */
const FORBIDDEN_PAUSE_MS = 60_000;

/** Sends requests to one account, and logs in. */
export class Requests {
  readonly #options: SwiftStoreOptions;
  readonly #session: Session;
  /** The access of the last request that succeeded. */
  #accepted: Access | undefined;
  /** The access that was last renewed because of a 403. */
  #forbidden: Access | undefined;
  #forbiddenAt = Number.NEGATIVE_INFINITY;
  #client: HttpClient | undefined;
  /** The account, parsed once for all requests. */
  #account: { readonly url: string; readonly origin: Origin; readonly path: string } | undefined;

  /** @throws InvalidOptionError */
  constructor(options: SwiftStoreOptions) {
    checkOptions(options);
    this.#options = options;
    this.#session = new Session(() => login(options, (request) => this.#sendTo(request)));
  }

  /**
   * Sends a request with a token. If the token is refused or no longer accepted, renews it and sends the request once
   * more.
   *
   * @returns the response, with any status.
   * @throws StoreError of `HttpClient.send`, the network or the login.
   */
  async send({ path, query, headers, ...request }: AccountRequest): Promise<Answer> {
    request.signal?.throwIfAborted();
    const search = query ? `?${new URLSearchParams(query)}` : '';
    let access = await this.#session.access(request.signal);
    for (let renewed = false; ; renewed = true) {
      const account = this.#accountAt(access.storageUrl);
      const answer = await this.#send({
        ...request,
        origin: account.origin,
        path: `${account.path}${path === '' ? '' : `/${path}`}${search}`,
        headers: { ...headers, 'x-auth-token': access.token },
      });
      if (renewed || !this.#isExpired(answer.status, access)) return answer;
      access = await this.#session.access(request.signal, access);
    }
  }

  /** Some servers refuse an expired token with 403, which usually means that a permission is missing. */
  #isExpired(status: number, access: Access): boolean {
    if (status >= 200 && status < 300) this.#accepted = access;
    if (status !== 403) return status === 401;
    // Another request renews it already, or has done so.
    if (this.#forbidden === access) return true;
    const now = performance.now();
    if (this.#accepted !== access || now < this.#forbiddenAt + FORBIDDEN_PAUSE_MS) return false;
    this.#forbidden = access;
    this.#forbiddenAt = now;
    return true;
  }

  /** Reads the features of the cluster (`/info`), without a token. */
  async info(doing: string, signal: AbortSignal | undefined): Promise<Answer> {
    const { storageUrl } = await this.#session.access(signal);
    const url = `${storageUrl.replace(/\/v\d[^/]*(\/.*)?$/, '')}/info`;
    return this.#sendTo({ method: 'GET', url, headers: {}, maxBytes: 1024 * 1024, doing, signal });
  }

  /** Returns the error for a response whose status is not a success. */
  error(answer: Answer, doing: string): StoreError {
    return swiftError(answer, doing, [...secretsOf(this.#options.auth), this.#session.token ?? '']);
  }

  /** Ends running requests and closes the connections. */
  async close(): Promise<void> {
    this.#client?.close(new PermanentError(`The store swift:${this.#options.container} was closed`));
    this.#client = undefined;
  }

  #accountAt(url: string) {
    if (this.#account?.url !== url) {
      const parsed = new URL(url);
      this.#account = { url, origin: originOf(parsed), path: parsed.pathname.replace(/\/+$/, '') };
    }
    return this.#account;
  }

  #sendTo({ url, ...request }: SendRequest): Promise<Answer> {
    const parsed = new URL(url);
    return this.#send({ ...request, origin: originOf(parsed), path: `${parsed.pathname}${parsed.search}` });
  }

  async #send(request: Exchange): Promise<Answer> {
    this.#client ??= createClient(this.#options);
    const headers = { 'accept-encoding': 'identity', ...request.headers };
    try {
      return await this.#client.send({ ...request, headers });
    } catch (error) {
      request.signal?.throwIfAborted();
      throw networkError(error, request.doing);
    }
  }
}

function createClient(options: SwiftStoreOptions): HttpClient {
  const {
    caBundle,
    proxies,
    connectTimeout = 10,
    idleTimeout: idle = 30,
    totalTimeout: total = 600,
    onRequest,
  } = options;
  const ca = caBundle === undefined ? undefined : [...rootCertificates, caBundle];
  return new HttpClient({ agents: createAgents({ ca, connectTimeout, proxies }), idle, total, onRequest });
}
