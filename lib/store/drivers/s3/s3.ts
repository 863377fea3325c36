import { withDeadline } from '../../deadline.ts';
import { BucketMissingError, DeniedError, NotFoundError, PermanentError, TransientError } from '../../errors.ts';
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
import type { Answer } from '../http/client.ts';
import { rangeHeader, rangeOf } from '../http/range.ts';
import { attributesOf } from './attributes.ts';
import { checkCrc32, checksumHeaders, contradicts, md5Of } from './checksums.ts';
import { type Connection, captureDate, connect, sendMd5 } from './client.ts';
import { takeContents } from './contents.ts';
import { Deletion } from './deletion.ts';
import { errorOf, type Subject, s3Error } from './errors.ts';
import { ANSWER_BYTES, type Exchanger } from './exchange.ts';
import { failureOf, readFailure } from './failure.ts';
import { KeyEncoding } from './key-encoding.ts';
import { listPages, type PageStart, type ReadPage } from './listing.ts';
import { checkLock, explainLock } from './lock.ts';
import { type ObjectRequest, ObjectRequests } from './objects.ts';
import { type Checksums, checkOptions, type S3StoreOptions } from './options.ts';
import { S3Versions } from './s3-versions.ts';

export type { Checksums, Lock, S3StoreOptions, Timeouts } from './options.ts';

/**
 * Creates a store in a bucket of Amazon S3 or a compatible provider. Objects are durable when `put` returns.
 *
 * The SDK is loaded by the first call. It does not retry: wrap the store with `withRetry`.
 *
 * @throws InvalidOptionError if an option is invalid.
 */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  checkOptions(options);
  const store = new S3Store(options);
  return options.asOf === undefined ? store : new AsOfStore(store, options.asOf, new S3Versions(store, options.asOf));
}

type Signalled = { readonly signal?: AbortSignal };

type Request<T> = (connection: Connection, signal: AbortSignal) => Promise<T>;

class S3Store implements ObjectStore, Exchanger {
  readonly name: string;
  readonly listings = 8;
  readonly #options: S3StoreOptions;
  readonly #bucket: string;
  readonly #total: number;
  readonly #deletion: Deletion;
  readonly #checksums: Checksums;
  readonly #attributes: () => Readonly<Record<string, string>>;
  readonly #objects: ObjectRequests;
  readonly encoding = new KeyEncoding();
  #connection: Promise<Connection> | undefined;

  constructor(options: S3StoreOptions) {
    this.name = `s3:${options.bucket}`;
    this.#options = options;
    this.#bucket = options.bucket;
    this.#total = options.timeouts?.total ?? 300;
    this.#deletion = new Deletion(options.concurrency ?? 64);
    this.#checksums = options.checksums ?? 'auto';
    this.#attributes = attributesOf(options);
    this.#objects = new ObjectRequests(options, () => this.#connect());
  }

  async open({ create, onMissing, signal }: OpenOptions): Promise<void> {
    try {
      await this.#probe(`open ${this.name}`, signal);
    } catch (error) {
      if (!create || !(error instanceof BucketMissingError)) throw error;
      onMissing?.();
      await this.#create(signal);
    }
    // Who only reads needs no lock.
    if (create && this.#options.lock) await checkLock(this, signal);
  }

  list(range: ListRange = {}): AsyncGenerator<StoredObject, void, void> {
    return objectsOf(this.pages(range), range.signal);
  }

  pages(range: ListRange = {}): AsyncGenerator<Page, void, void> {
    const doing = `list ${this.name}`;
    const readPage: ReadPage = (start, signal) => this.#readPage(doing, start, signal, range.onProgress);
    return listPages(readPage, range, doing, this.encoding);
  }

  async get(key: string, { maxBytes, range, expectedBytes = 0, version, signal }: GetOptions): Promise<Uint8Array> {
    checkKey(key, 'read');
    const doing = `read ${quoted(key)} from ${this.name}`;
    const checked = this.#checksums === 'always' ? { 'x-amz-checksum-mode': 'ENABLED' } : {};
    const headers = range ? rangeHeader(range) : checked;
    const parameters = { versionId: version };
    const request = { method: 'GET', key, parameters, headers, maxBytes, expectedBytes, doing, signal } as const;
    const answer = await this.exchange(request, 'object');
    if (range) return rangeOf(answer, range);
    if (this.#checksums === 'always') checkCrc32(answer, doing);
    const md5 = md5Of(answer.body, this.#checksums);
    if (md5 !== undefined && contradicts(answer, md5)) {
      throw new TransientError(`Cannot ${doing}: the body does not match its ETag. ${ETAG_HINT}`, { trouble: 'wrong' });
    }
    return answer.body;
  }

  async put(key: string, body: Uint8Array, { signal }: Signalled = {}): Promise<void> {
    checkKey(key, 'store');
    const doing = `store ${quoted(key)} on ${this.name}`;
    const md5 = md5Of(body, this.#checksums);
    const { lock } = this.#options;
    // A put with a lock must have one.
    const sent = lock ? md5Of(body, 'auto') : md5;
    const headers = { ...this.#attributes(), ...checksumHeaders(body, sent, this.#checksums) };
    const request = { method: 'PUT', key, headers, body, maxBytes: ANSWER_BYTES, doing, signal } as const;
    const answer = await this.exchange(request, 'bucket').catch((error) => {
      throw lock ? explainLock(error, doing) : error;
    });
    if (md5 !== undefined && contradicts(answer, md5)) {
      throw new TransientError(`Cannot ${doing}: the ETag does not match the body. ${ETAG_HINT}`, { trouble: 'wrong' });
    }
  }

  async delete(keys: readonly string[], { signal }: Signalled = {}): Promise<DeleteFailure[]> {
    signal?.throwIfAborted();
    return this.#deletion.delete(keys, {
      batch: (keys) => this.#deleteBatch(keys, signal),
      single: (key) => this.#deleteSingle(key, signal),
    });
  }

  async clock({ signal }: Signalled = {}): Promise<Date | undefined> {
    return this.#probe(`read the clock of ${this.name}`, signal);
  }

  async flush({ signal }: Signalled = {}): Promise<void> {
    signal?.throwIfAborted();
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#objects.close(new PermanentError(`The store ${this.name} was closed`));
    (await connection?.catch(() => undefined))?.client.destroy();
  }

  /**
   * Lists one object. This needs a permission that every run needs. Unlike HEAD of the bucket, an error has a reason
   * that distinguishes a missing bucket from a forbidden one.
   *
   * @returns the store's time.
   */
  #probe(doing: string, signal: AbortSignal | undefined): Promise<Date | undefined> {
    return this.#send(doing, 'bucket', signal, async ({ sdk, client }, abortSignal) => {
      const command = new sdk.ListObjectsV2Command({ Bucket: this.#bucket, MaxKeys: 1 });
      const date = captureDate(command.middlewareStack);
      const { IsTruncated } = await client.send(command, { abortSignal });
      if (IsTruncated === undefined) throw new TransientError(`Cannot ${doing}: the response is not a listing`);
      return date();
    });
  }

  async #create(signal: AbortSignal | undefined): Promise<void> {
    const doing = `create ${this.name}`;
    await this.#send(doing, 'bucket', signal, async ({ sdk, client }, abortSignal) => {
      try {
        // The SDK adds the LocationConstraint, except for us-east-1, which must not have one.
        const lock = this.#options.lock && { ObjectLockEnabledForBucket: true };
        await client.send(new sdk.CreateBucketCommand({ Bucket: this.#bucket, ...lock }), { abortSignal });
      } catch (error) {
        const { name } = readFailure(error);
        if (name === 'BucketAlreadyOwnedByYou') return;
        if (name === 'BucketAlreadyExists') {
          throw new DeniedError(`Cannot ${doing}: another account has a bucket with this name. Choose another name.`);
        }
        throw error;
      }
    });
  }

  #readPage(doing: string, { prefix, startAfter, token }: PageStart, signal: AbortSignal, onProgress?: () => void) {
    return this.#send(doing, 'bucket', signal, async ({ sdk, client }, abortSignal) => {
      const command = new sdk.ListObjectsV2Command({
        Bucket: this.#bucket,
        EncodingType: 'url',
        Prefix: prefix,
        StartAfter: startAfter,
        ContinuationToken: token,
      });
      const contents = takeContents(command.middlewareStack, doing, onProgress);
      const response = await client.send(command, { abortSignal });
      return { ...response, Contents: contents() ?? response.Contents };
    });
  }

  #deleteBatch(keys: readonly string[], signal: AbortSignal | undefined): Promise<DeleteFailure[]> {
    const doing = `delete ${keys.length} objects from ${this.name}`;
    return this.#send(doing, 'bucket', signal, async ({ sdk, client }, abortSignal) => {
      const Objects = keys.map((Key) => ({ Key }));
      const command = new sdk.DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Quiet: true, Objects } });
      if (this.#checksums !== 'always') sendMd5(command.middlewareStack);
      const { Errors = [] } = await client.send(command, { abortSignal });
      return Errors.map(({ Key = '', Code = 'Error', Message = '' }) => {
        const failure = { name: Code, message: Message, headers: {} };
        return { key: Key, error: errorOf(failure, `delete ${quoted(Key)} from ${this.name}`, 'object') };
      }).filter(({ error }) => !(error instanceof NotFoundError));
    });
  }

  #deleteSingle(key: string, signal: AbortSignal | undefined): Promise<void> {
    const doing = `delete ${quoted(key)} from ${this.name}`;
    return this.#send(doing, 'object', signal, async ({ sdk, client }, abortSignal) => {
      await client.send(new sdk.DeleteObjectCommand({ Bucket: this.#bucket, Key: key }), { abortSignal });
    });
  }

  /** Sends a request for an object, and converts errors to StoreErrors. */
  async exchange(request: ObjectRequest, subject: Subject): Promise<Answer> {
    const { doing, signal } = request;
    let answer: Answer;
    try {
      answer = await this.#objects.send(request);
    } catch (error) {
      signal?.throwIfAborted();
      throw s3Error(error, doing, subject);
    }
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw errorOf(failureOf(answer), doing, subject);
  }

  /** Sends one request of the SDK within its deadline, and converts errors to StoreErrors. */
  async #send<T>(doing: string, subject: Subject, signal: AbortSignal | undefined, request: Request<T>): Promise<T> {
    try {
      return await withDeadline(this.#total, doing, signal, async (signal) => {
        const connection = await this.#connect();
        const { credentials } = connection;
        const keys = await credentials.current(signal);
        try {
          return await request(connection, signal);
        } catch (error) {
          if (!(await credentials.renew(keys, readFailure(error).name, signal))) throw error;
          return request(connection, signal);
        }
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw s3Error(error, doing, subject);
    }
  }

  #connect(): Promise<Connection> {
    this.#connection ??= connect(this.#options).catch((error) => {
      this.#connection = undefined;
      throw error;
    });
    return this.#connection;
  }
}

const ETAG_HINT = 'If the ETags of this store look like an MD5 but are another hash, set \'checksums\' to "never"';
