import { createHash } from 'node:crypto';
import pMap from 'p-map';
import { PermanentError, TransientError } from '../../errors.ts';
import { checkKey, quoted } from '../../key.ts';
import { objectsOf } from '../../pages.ts';
import type {
  DeleteFailure,
  GetOptions,
  ListRange,
  ObjectStore,
  OpenOptions,
  Page,
  StoredObject,
} from '../../store.ts';
import { AsOfStore } from '../as-of.ts';
import { type Answer, headerOf } from '../http/client.ts';
import { rangeHeader, rangeOf } from '../http/range.ts';
import { bulkDelete, bulkDeleteLimit } from './bulk-delete.ts';
import { containerMissing, listContainer } from './listing.ts';
import type { SwiftStoreOptions } from './options.ts';
import { containerPath, objectPath } from './path.ts';
import { Requests } from './requests.ts';
import { SwiftVersions } from './swift-versions.ts';

export type * from './options.ts';

/**
 * Creates a store in a container of OpenStack Swift, or of radosgw with its Swift API.
 *
 * The token is renewed before it expires and when it is refused. There are no other retries: see `withRetry`.
 *
 * @throws InvalidOptionError if an option is invalid.
 */
export function createSwiftStore(options: SwiftStoreOptions): ObjectStore {
  const requests = new Requests(options);
  const store = new SwiftStore(options, requests);
  const { asOf, container: name, pageSize } = options;
  if (asOf === undefined) return store;
  return new AsOfStore(store, asOf, new SwiftVersions(requests, { name, pageSize }, asOf));
}

type Signalled = { readonly signal?: AbortSignal };

/** The maximum size of a body. Swift itself allows 5 GiB in one piece. */
const MAX_BODY_BYTES = 2 * 1024 ** 3;

/** A larger bulk delete could take minutes, even if the cluster allows it. */
const MAX_BULK_KEYS = 1000;

class SwiftStore implements ObjectStore {
  readonly name: string;
  readonly listings = 8;
  readonly #container: string;
  readonly #requests: Requests;
  readonly #concurrency: number;
  readonly #pageSize: number | undefined;
  /** How many objects one request may delete; 0 without bulk delete. */
  #bulk: Promise<number> | undefined;

  constructor(options: SwiftStoreOptions, requests: Requests) {
    this.name = `swift:${options.container}`;
    this.#container = options.container;
    this.#requests = requests;
    this.#concurrency = options.concurrency ?? 16;
    this.#pageSize = options.pageSize;
    if (options.bulkDelete === false) this.#bulk = Promise.resolve(0);
  }

  async open({ create, onMissing, signal }: OpenOptions): Promise<void> {
    const doing = `open ${this.name}`;
    const answer = await this.#peek(doing, signal);
    if (succeeded(answer)) return;
    if (answer.status !== 404) throw this.#requests.error(answer, doing);
    if (!create) throw containerMissing(this.#container);
    onMissing?.();
    const creating = `create the container of ${this.name}`;
    const created = await this.#requests.send({
      method: 'PUT',
      path: containerPath(this.#container),
      maxBytes: 64 * 1024,
      doing: creating,
      signal,
    });
    if (!succeeded(created)) throw this.#requests.error(created, creating);
  }

  list(range: ListRange = {}): AsyncGenerator<StoredObject, void, void> {
    return objectsOf(this.pages(range), range.signal);
  }

  pages(range: ListRange = {}): AsyncGenerator<Page, void, void> {
    return listContainer(this.#requests, this.#container, this.name, this.#pageSize, range);
  }

  async get(key: string, { maxBytes, range, expectedBytes, version, signal }: GetOptions): Promise<Uint8Array> {
    signal?.throwIfAborted();
    checkKey(key, 'read');
    const doing = `read ${quoted(key)} from ${this.name}`;
    const path = objectPath(this.#container, key);
    const headers = range ? rangeHeader(range) : {};
    const query = version === undefined ? {} : { query: { 'version-id': version } };
    const request = { method: 'GET', path, ...query, headers, maxBytes, expectedBytes, doing, signal } as const;
    const answer = await this.#requests.send(request);
    if (!succeeded(answer)) throw this.#requests.error(answer, doing);
    if (range) return rangeOf(answer, range);
    checkBody(answer, doing);
    return answer.body;
  }

  async put(key: string, body: Uint8Array, { signal }: Signalled = {}): Promise<void> {
    signal?.throwIfAborted();
    checkKey(key, 'store');
    const doing = `store ${quoted(key)} on ${this.name}`;
    if (body.length > MAX_BODY_BYTES) {
      throw new PermanentError(`Cannot ${doing}: it has ${body.length} bytes, the limit is ${MAX_BODY_BYTES} (2 GiB)`);
    }
    const md5 = createHash('md5').update(body).digest('hex');
    const answer = await this.#requests.send({
      method: 'PUT',
      path: objectPath(this.#container, key),
      // The server rejects a body with another MD5.
      headers: { etag: md5, 'content-type': 'application/octet-stream' },
      body,
      maxBytes: 64 * 1024,
      doing,
      signal,
    });
    if (answer.status === 404) throw containerMissing(this.#container);
    if (!succeeded(answer)) throw this.#requests.error(answer, doing);
    const stored = etagOf(answer);
    // Status 202 has no ETag: a later write of the same object has already replaced this one.
    if (stored !== undefined && stored !== md5) {
      throw new TransientError(`Cannot ${doing}: the server stored another body (MD5 ${stored}, not ${md5})`, {
        trouble: 'wrong',
      });
    }
  }

  async delete(keys: readonly string[], { signal }: Signalled = {}): Promise<DeleteFailure[]> {
    signal?.throwIfAborted();
    const failures: DeleteFailure[] = [];
    const asFailure = (key: string, error: unknown) => {
      signal?.throwIfAborted();
      failures.push({ key, error: error instanceof Error ? error : new Error(String(error)) });
    };
    const usable = [...new Set(keys)].filter((key) => {
      try {
        checkKey(key, 'delete');
        objectPath(this.#container, key);
        return true;
      } catch (error) {
        asFailure(key, error);
        return false;
      }
    });
    const limit = usable.length > 1 ? Math.min(MAX_BULK_KEYS, await this.#bulkLimit(signal)) : 0;
    const single = limit > 0 ? [] : usable;
    for (let at = 0; limit > 0 && at < usable.length; at += limit) {
      const batch = usable.slice(at, at + limit);
      const result = await bulkDelete(this.#requests, this.#container, this.name, batch, { signal });
      failures.push(...result.failures);
      single.push(...result.unclear);
    }
    const deleteOne = (key: string) => this.#deleteOne(key, signal).catch((error) => asFailure(key, error));
    await pMap(single, deleteOne, { concurrency: this.#concurrency, ...(signal && { signal }) });
    return failures;
  }

  /** Reads the `Date` of a response, which is in whole seconds. */
  async clock({ signal }: Signalled = {}): Promise<Date | undefined> {
    const doing = `read the clock of ${this.name}`;
    const answer = await this.#peek(doing, signal);
    if (!succeeded(answer) && answer.status !== 404) throw this.#requests.error(answer, doing);
    const date = new Date(answer.headers.date ?? '');
    return Number.isNaN(date.getTime()) ? undefined : date;
  }

  /** Nothing to do: Swift responds to a PUT only when the object is on the disks of a majority of its servers. */
  async flush({ signal }: Signalled = {}): Promise<void> {
    signal?.throwIfAborted();
  }

  close(): Promise<void> {
    return this.#requests.close();
  }

  /** Uses GET, because Swift's response to HEAD is 204 with a chunked body, which breaks a keep-alive connection. */
  #peek(doing: string, signal: AbortSignal | undefined): Promise<Answer> {
    return this.#requests.send({
      method: 'GET',
      path: containerPath(this.#container),
      query: { format: 'json', limit: '1' },
      maxBytes: 1024 * 1024,
      doing,
      signal,
    });
  }

  #bulkLimit(signal: AbortSignal | undefined): Promise<number> {
    this.#bulk ??= bulkDeleteLimit(this.#requests, this.name, { signal }).catch((error) => {
      this.#bulk = undefined;
      throw error;
    });
    return this.#bulk;
  }

  async #deleteOne(key: string, signal: AbortSignal | undefined): Promise<void> {
    const doing = `delete ${quoted(key)} from ${this.name}`;
    const path = objectPath(this.#container, key);
    const answer = await this.#requests.send({ method: 'DELETE', path, maxBytes: 64 * 1024, doing, signal });
    if (!succeeded(answer) && answer.status !== 404) throw this.#requests.error(answer, doing);
  }
}

function succeeded({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

/** Returns the ETag of a response, without the quotes that some servers add. */
function etagOf({ headers }: Answer): string | undefined {
  return headers.etag?.replace(/^(W\/)?"(.*)"$/, '$2').toLowerCase();
}

/**
 * Checks a body against its ETag, which is its MD5 unless the object has segments.
 *
 * @throws TransientError if the body is damaged.
 */
function checkBody(answer: Answer, doing: string): void {
  const etag = etagOf(answer);
  const segmented = ['x-static-large-object', 'x-object-manifest'].some((name) => headerOf(answer, name) !== undefined);
  if (segmented || etag === undefined || !/^[0-9a-f]{32}$/.test(etag)) return;
  const md5 = createHash('md5').update(answer.body).digest('hex');
  if (md5 !== etag)
    throw new TransientError(`Cannot ${doing}: the body was damaged (MD5 ${md5}, not ${etag})`, { trouble: 'wrong' });
}
