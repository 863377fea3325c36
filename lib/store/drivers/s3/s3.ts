import { createHash } from 'node:crypto';
import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { withDeadline } from '../../deadline.ts';
import { BucketMissingError, DeniedError, NotFoundError, TransientError } from '../../errors.ts';
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
import { readBody } from '../body.ts';
import { answerDate, type Connection, connect, sendMd5 } from './client.ts';
import { takeContents } from './contents.ts';
import { Deletion } from './deletion.ts';
import { errorOf, readFailure, type Subject, s3Error } from './errors.ts';
import { contradicts, listPages, type PageStart } from './listing.ts';
import { checkOptions, type S3StoreOptions } from './options.ts';

export type { Checksums, S3StoreOptions, Timeouts } from './options.ts';

/**
 * Objects in a bucket of S3, Amazon's or any other's. What is put there is durable once the store has answered.
 *
 * The SDK is loaded with the first call. It does not try again by itself: put `withRetry` around the store.
 *
 * @throws InvalidOptionError for options that make no sense.
 */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  checkOptions(options);
  return new S3Store(options);
}

type Signalled = { readonly signal?: AbortSignal };

/** What one call does with the connection it gets. */
type Request<T> = (connection: Connection, signal: AbortSignal) => Promise<T>;

/** A slower body than this counts as stalled, in bytes a second: so much longer may a large body take. */
const SLOWEST_BODY = 64 * 1024;

class S3Store implements ObjectStore {
  readonly name: string;
  readonly listings = 8;
  readonly #options: S3StoreOptions;
  readonly #bucket: string;
  readonly #total: number;
  readonly #deletion: Deletion;
  #connection: Promise<Connection> | undefined;

  constructor(options: S3StoreOptions) {
    this.name = `s3:${options.bucket}`;
    this.#options = options;
    this.#bucket = options.bucket;
    this.#total = options.timeouts?.total ?? 300;
    this.#deletion = new Deletion(options.concurrency ?? 64);
  }

  async open({ create, onMissing, signal }: OpenOptions): Promise<void> {
    try {
      await this.#probe(`open ${this.name}`, signal);
    } catch (error) {
      if (!create || !(error instanceof BucketMissingError)) throw error;
      onMissing?.();
      await this.#create(signal);
    }
  }

  list(range: ListRange = {}): AsyncGenerator<StoredObject, void, void> {
    return objectsOf(this.pages(range), range.signal);
  }

  pages(range: ListRange = {}): AsyncGenerator<Page, void, void> {
    const doing = `list ${this.name}`;
    return listPages((start, signal) => this.#readPage(doing, start, signal, range.onProgress), range, doing);
  }

  async get(key: string, { maxBytes, expectedBytes = 0, signal }: GetOptions): Promise<Uint8Array> {
    checkKey(key, 'read');
    const doing = `read ${quoted(key)} from ${this.name}`;
    const get: Request<Uint8Array> = async ({ sdk, client }, abortSignal) => {
      const command = new sdk.GetObjectCommand({ Bucket: this.#bucket, Key: key });
      const answer = await client.send(command, { abortSignal });
      const body = await readBody(answer.Body, { length: answer.ContentLength, maxBytes, doing });
      if (this.#options.checksums !== 'never' && contradicts(answer, body)) {
        throw new TransientError(`Cannot ${doing}: the body is not that of its ETag. ${ETAG_HINT}`);
      }
      return body;
    };
    const bytes = Math.min(expectedBytes, maxBytes);
    return this.#send(doing, 'object', signal, get, this.#total + bytes / SLOWEST_BODY);
  }

  async put(key: string, body: Uint8Array, { signal }: Signalled = {}): Promise<void> {
    checkKey(key, 'store');
    const doing = `store ${quoted(key)} on ${this.name}`;
    const put: Request<void> = async ({ sdk, client }, abortSignal) => {
      const command = new sdk.PutObjectCommand({
        ...this.#attributes(),
        ...(this.#options.checksums === 'never' ? {} : { ContentMD5: createHash('md5').update(body).digest('base64') }),
        Bucket: this.#bucket,
        Key: key,
        // A view, and not a stream: it has a length, and can be signed.
        Body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      });
      const answer = await client.send(command, { abortSignal });
      if (this.#options.checksums !== 'never' && contradicts(answer, body)) {
        throw new TransientError(`Cannot ${doing}: the ETag is not that of the body. ${ETAG_HINT}`);
      }
    };
    await this.#send(doing, 'bucket', signal, put, this.#total + body.length / SLOWEST_BODY);
  }

  async delete(keys: readonly string[], { signal }: Signalled = {}): Promise<DeleteFailure[]> {
    signal?.throwIfAborted();
    return this.#deletion.delete(keys, {
      batch: (keys) => this.#deleteBatch(keys, signal),
      single: (key) => this.#deleteSingle(key, signal),
    });
  }

  async clock({ signal }: Signalled = {}): Promise<Date | undefined> {
    return this.#probe(`ask ${this.name} for the time`, signal);
  }

  async flush({ signal }: Signalled = {}): Promise<void> {
    signal?.throwIfAborted();
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    (await connection?.catch(() => undefined))?.client.destroy();
  }

  /**
   * Asks for a listing of one: it needs the permission that every run needs, and unlike a HEAD of the bucket it is
   * answered with a reason, and tells a bucket that is missing from one that is forbidden.
   *
   * @returns the store's time.
   */
  #probe(doing: string, signal: AbortSignal | undefined): Promise<Date | undefined> {
    return this.#send(doing, 'bucket', signal, async ({ sdk, client }, abortSignal) => {
      const command = new sdk.ListObjectsV2Command({ Bucket: this.#bucket, MaxKeys: 1 });
      const date = answerDate(command.middlewareStack);
      const { IsTruncated } = await client.send(command, { abortSignal });
      if (IsTruncated === undefined) throw new TransientError(`Cannot ${doing}: the answer is not a listing`);
      return date();
    });
  }

  async #create(signal: AbortSignal | undefined): Promise<void> {
    const doing = `create ${this.name}`;
    await this.#send(doing, 'bucket', signal, async ({ sdk, client }, abortSignal) => {
      try {
        // The SDK adds the LocationConstraint, except for us-east-1, which does not take one.
        await client.send(new sdk.CreateBucketCommand({ Bucket: this.#bucket }), { abortSignal });
      } catch (error) {
        const { name } = readFailure(error);
        if (name === 'BucketAlreadyOwnedByYou') return;
        if (name === 'BucketAlreadyExists') {
          throw new DeniedError(`Cannot ${doing}: somebody else has a bucket of that name; choose another`);
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
      const taken = takeContents(command.middlewareStack, doing, onProgress);
      const answer = await client.send(command, { abortSignal });
      return { ...answer, Contents: taken() ?? answer.Contents };
    });
  }

  #deleteBatch(keys: readonly string[], signal: AbortSignal | undefined): Promise<DeleteFailure[]> {
    const doing = `delete ${keys.length} objects from ${this.name}`;
    return this.#send(doing, 'bucket', signal, async ({ sdk, client }, abortSignal) => {
      const Objects = keys.map((Key) => ({ Key }));
      const command = new sdk.DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Quiet: true, Objects } });
      if (this.#options.checksums !== 'always') sendMd5(command.middlewareStack);
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

  /** Makes one request, within its deadline, and tells what went wrong in the store's own errors. */
  async #send<T>(
    doing: string,
    subject: Subject,
    signal: AbortSignal | undefined,
    request: Request<T>,
    totalSeconds = this.#total,
  ): Promise<T> {
    try {
      return await withDeadline(totalSeconds, doing, signal, async (signal) => request(await this.#connect(), signal));
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

  /** What every object gets. */
  #attributes(): Partial<PutObjectCommandInput> {
    const { sse, kmsKeyId, storageClass, tags = {} } = this.#options;
    const tagging = new URLSearchParams(tags).toString().replaceAll('+', '%20');
    return {
      ...(sse === undefined ? {} : { ServerSideEncryption: sse }),
      ...(kmsKeyId === undefined ? {} : { SSEKMSKeyId: kmsKeyId }),
      // The SDK's type lists Amazon's classes, and other stores have others.
      ...(storageClass === undefined ? {} : { StorageClass: storageClass as PutObjectCommandInput['StorageClass'] }),
      ...(tagging === '' ? {} : { Tagging: tagging }),
    };
  }
}

const ETAG_HINT = 'If the ETags of this store look like an MD5 and are none, set \'checksums\' to "never"';
