import { withDeadline } from '../../deadline.ts';
import { type Answer, HttpClient } from '../http/client.ts';
import { type Connection, openAgents } from './client.ts';
import { Credentials } from './credentials.ts';
import { failureOf } from './failure.ts';
import type { S3StoreOptions } from './options.ts';
import { encodeKey, encodeQuery, Signer } from './signature.ts';
import { type Where, whereGiven, whereResolved } from './where.ts';

export interface ObjectRequest {
  readonly method: 'GET' | 'PUT';
  /** Empty for a request about the bucket. */
  readonly key: string;
  /** Parameters of the query. @default none */
  readonly parameters?: Readonly<Record<string, string | undefined>>;
  /** Names in lower case. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly maxBytes: number;
  readonly expectedBytes?: number;
  readonly onProgress?: (() => void) | undefined;
  /** The action, for messages: `store "a.b/c" on s3:backups`. */
  readonly doing: string;
  readonly signal: AbortSignal | undefined;
}

interface Access {
  readonly client: HttpClient;
  readonly where: Where;
  readonly signer: Signer;
  readonly credentials: Credentials;
}

const EMPTY = new Uint8Array(0);

/**
 * Sends the requests that read and store objects without the SDK, whose layers take several times the processor time of
 * everything else. The SDK finds the credentials, the region and the endpoint, unless the options have them.
 */
export class ObjectRequests {
  readonly #options: S3StoreOptions;
  readonly #connect: () => Promise<Connection>;
  #access: Access | undefined;
  #opening: Promise<Access> | undefined;
  /** Milliseconds by which the store's clock is ahead. */
  #clockOffset = 0;

  /** @param connect loads the SDK. */
  constructor(options: S3StoreOptions, connect: () => Promise<Connection>) {
    this.#options = options;
    this.#connect = connect;
  }

  /**
   * Sends a signed request. Sends it once more if the store refused it because of the time, or because the credentials
   * have expired and there are new ones.
   *
   * @returns the response, with any status.
   * @throws Error of `HttpClient.send`, or of the SDK if it has no credentials.
   */
  async send({ method, key, parameters = {}, headers = {}, body, ...request }: ObjectRequest): Promise<Answer> {
    const { doing, signal } = request;
    signal?.throwIfAborted();
    const access = this.#access ?? (await this.#opened(doing, signal));
    const { client, where, signer, credentials } = access;
    const path = `${where.path}/${encodeKey(key)}`;
    const query = encodeQuery(parameters);
    const url = query === '' ? path : `${path}?${query}`;
    const length: Record<string, string> = body ? { 'content-length': String(body.length) } : {};
    for (let again = false; ; again = true) {
      const current = credentials.current(signal);
      const keys = current instanceof Promise ? await current : current;
      const offset = this.#clockOffset;
      const signed = signer.sign(
        { method, path, query, headers: { host: where.host, ...length, ...headers }, body: body ?? EMPTY },
        keys,
        Date.now() + offset,
      );
      signed['user-agent'] = 'whisper-backup';
      const answer = await client.send({ ...request, method, origin: where.origin, path: url, headers: signed, body });
      if (answer.status < 400 || again) return answer;
      const { name } = failureOf(answer);
      if (name === 'RequestTimeTooSkewed' && this.#correctClock(answer, offset)) continue;
      if (!(await credentials.renew(keys, name, signal))) return answer;
    }
  }

  close(reason: Error): void {
    const access = this.#access;
    this.#access = undefined;
    this.#opening = undefined;
    access?.client.close(reason);
  }

  #opened(doing: string, signal: AbortSignal | undefined): Promise<Access> {
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = undefined;
      throw error;
    });
    const opening = this.#opening;
    return withDeadline(this.#options.timeouts?.total ?? 300, doing, signal, async () => {
      const access = await opening;
      if (this.#opening === opening) this.#access = access;
      return access;
    });
  }

  async #open(): Promise<Access> {
    const { bucket, onRequest, timeouts = {} } = this.#options;
    const { accessKeyId, secretAccessKey, sessionToken } = this.#options;
    const { idle = 60, total = 300 } = timeouts;
    const given = accessKeyId !== undefined && secretAccessKey !== undefined;
    const where = (given && whereGiven(this.#options)) || (await whereResolved(await this.#connect(), bucket));
    const client = new HttpClient({ agents: await openAgents(this.#options), idle, total, onRequest });
    const credentials = given
      ? new Credentials(() => ({ accessKeyId, secretAccessKey, sessionToken }))
      : (await this.#connect()).credentials;
    return { client, where, signer: new Signer(where.region), credentials };
  }

  /** @returns whether the store's time is another than the request was signed with. */
  #correctClock({ headers }: Answer, signedOffset: number): boolean {
    const offset = Date.parse(headers.date ?? '') - Date.now();
    if (Number.isNaN(offset) || Math.abs(offset - signedOffset) < 60_000) return false;
    this.#clockOffset = offset;
    return true;
  }
}
