import { PermanentError, type StoreError } from '../../errors.ts';
import { swiftError } from './errors.ts';
import { type Answer, type Deadlines, type Exchange, exchange } from './exchange.ts';
import { createHttpClient, type HttpClient } from './http.ts';
import { login } from './login.ts';
import { checkOptions, type SwiftStoreOptions, secretsOf } from './options.ts';
import { Session } from './session.ts';

export interface AccountRequest extends Omit<Exchange, 'url' | 'headers'> {
  /** The encoded path after the account's URL; '' is the account. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends requests to one account, and logs in. */
export class Requests {
  readonly #options: SwiftStoreOptions;
  readonly #deadlines: Deadlines;
  readonly #session: Session;
  readonly #pending = new Set<AbortController>();
  #client: Promise<HttpClient> | undefined;

  /** @throws InvalidOptionError */
  constructor(options: SwiftStoreOptions) {
    checkOptions(options);
    const { idleTimeout = 30, totalTimeout = 600 } = options;
    this.#options = options;
    this.#deadlines = { idle: idleTimeout, total: totalTimeout };
    this.#session = new Session(() => login(options, (request) => this.#send(request)));
  }

  /**
   * Sends a request with a token. If the token is refused, renews it and sends the request once more.
   *
   * @returns the response, with any status.
   * @throws StoreError of `exchange` or the login.
   */
  async send({ path, query, headers, ...request }: AccountRequest): Promise<Answer> {
    request.signal?.throwIfAborted();
    const search = query ? `?${new URLSearchParams(query)}` : '';
    let access = await this.#session.access(request.signal);
    for (let renewed = false; ; renewed = true) {
      const url = `${access.storageUrl}${path === '' ? '' : `/${path}`}${search}`;
      const answer = await this.#send({ ...request, url, headers: { ...headers, 'x-auth-token': access.token } });
      if (answer.status !== 401 || renewed) return answer;
      access = await this.#session.access(request.signal, access);
    }
  }

  /** Reads the features of the cluster (`/info`), without a token. */
  async info(doing: string, signal: AbortSignal | undefined): Promise<Answer> {
    const { storageUrl } = await this.#session.access(signal);
    const url = `${storageUrl.replace(/\/v\d[^/]*(\/.*)?$/, '')}/info`;
    return this.#send({ method: 'GET', url, headers: {}, maxBytes: 1024 * 1024, doing, signal });
  }

  /** Returns the error for a response whose status is not a success. */
  error(answer: Answer, doing: string): StoreError {
    return swiftError(answer, doing, [...secretsOf(this.#options.auth), this.#session.token ?? '']);
  }

  /** Ends running requests and closes the connections. */
  async close(): Promise<void> {
    const reason = new PermanentError(`The store swift:${this.#options.container} was closed`);
    for (const controller of this.#pending) controller.abort(reason);
    const client = this.#client;
    this.#client = undefined;
    await (await client)?.close();
  }

  async #send(request: Exchange): Promise<Answer> {
    const { caBundle, connectTimeout = 10, onRequest } = this.#options;
    this.#client ??= createHttpClient({ caBundle, connectTimeout });
    onRequest?.();
    return exchange(await this.#client, this.#deadlines, request, this.#pending);
  }
}
