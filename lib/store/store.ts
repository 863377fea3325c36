import type { SweepOptions, Swept } from '../system/sweep.ts';

/**
 * A store for backups. Implementations only know keys and bytes, not Whisper, metrics or timestamps. Every call that
 * can wait takes an `AbortSignal`; `retry.ts` adds a deadline to each call.
 *
 * A key is a UTF-8 string of 1 to 1,024 bytes, without NUL.
 *
 * Failures are `StoreError`s (see `errors.ts`). Callers must check the class, never the message.
 */
export interface ObjectStore {
  /** For messages: `disk:/srv/backups`. Contains no secret. */
  readonly name: string;

  /** Path of the bucket, if it is a directory on this host. */
  readonly directory?: string;

  /** Whether callers may delete. If not, they must leave everything that they would delete. @default true */
  readonly mayDelete?: boolean;

  /**
   * How many listings to run in parallel: each request returns one page only.
   *
   * @default 1
   */
  readonly listings?: number;

  /**
   * Connects and checks that the bucket exists.
   *
   * @throws BucketMissingError if it does not exist and `create` is false.
   * @throws Error of `onMissing`.
   * @throws DeniedError if the credentials are invalid.
   */
  open(options: OpenOptions): Promise<void>;

  /** Streams the objects of a range, ascending by the UTF-8 bytes of their keys. */
  list(range?: ListRange): AsyncIterable<StoredObject>;

  /** Like `list`, by the page. @default each object is a page */
  pages?(range?: ListRange): AsyncIterable<Page>;

  /**
   * Reads an object. If all of it is read, checks it against the checksum of the store if there is one.
   *
   * @throws NotFoundError if it does not exist.
   * @throws TooLargeError if it has more than `maxBytes` bytes.
   */
  get(key: string, options: GetOptions): Promise<Uint8Array>;

  /**
   * Stores or replaces an object atomically, so that readers see the old bytes or the new ones. Checks that the stored
   * bytes are those of `body`. The caller may use the memory of `body` again once it has been stored.
   */
  put(key: string, body: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<void>;

  /** Deletes many objects. Ignores missing ones. @returns the objects that could not be deleted. */
  delete(keys: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<DeleteFailure[]>;

  /**
   * Returns the current time of the store; undefined if it does not report its clock, or is read-only and would have to
   * write.
   */
  clock(options?: { readonly signal?: AbortSignal }): Promise<Date | undefined>;

  /**
   * Removes temporary files that killed runs left in the bucket and that listings do not include. Only removes files of
   * this program that are too old to be in use. Absent if the store has no temporary files.
   */
  sweep?(options: SweepOptions): Promise<Swept>;

  /** Resolves when all objects stored so far would survive a power failure. */
  flush(options?: { readonly signal?: AbortSignal }): Promise<void>;

  /** Closes sockets and handles. The store must not be used afterwards. */
  close(): Promise<void>;
}

export interface GetOptions {
  readonly maxBytes: number;
  /** Read only these bytes, as far as the object has them. @default all */
  readonly range?: ByteRange;
  /** Size of the object in the listing: larger objects get a longer deadline. @default 0 */
  readonly expectedBytes?: number;
  /** That of the listed object. @default the newest, or the store finds it */
  readonly version?: string | undefined;
  readonly signal?: AbortSignal;
}

export interface ByteRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

export interface OpenOptions {
  readonly create: boolean;
  /** Called before a missing bucket is created, again for each retry. May throw to prevent that. */
  readonly onMissing?: () => void;
  readonly signal?: AbortSignal;
}

/** A part of the key space. Bounds are compared by UTF-8 bytes. */
export interface ListRange {
  /** Only keys that start with this. @default '' */
  readonly prefix?: string;
  /** Only keys after this one (exclusive). */
  readonly startAfter?: string;
  /** Only keys before this one (exclusive). */
  readonly endBefore?: string;
  /** Called for each chunk of a page that arrives. */
  readonly onProgress?: (() => void) | undefined;
  readonly signal?: AbortSignal;
}

export interface StoredObject {
  readonly key: string;
  /** In bytes. */
  readonly size: number;
  /**
   * MD5 of the body, 32 lower-case hex digits, if the store lists it. May be another hash (SSE-KMS): only equality is
   * proof.
   */
  readonly md5?: string;
  /** When the store wrote it, by the store's clock. */
  readonly modified: Date;
  /** Identifies this version of the object, if the store reads an earlier state of the bucket; for `get`. */
  readonly version?: string;
}

/** Adjacent objects of a listing: with millions of objects, one promise for each would cost more than all the rest. */
export type Page = readonly StoredObject[];

export interface DeleteFailure {
  readonly key: string;
  readonly error: Error;
}
