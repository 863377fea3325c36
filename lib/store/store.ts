import type { SweepOptions, Swept } from '../system/sweep.ts';

/**
 * What a place for backups must do. Implementations know nothing of Whisper, metrics or timestamps: only of keys and
 * bytes. Everything that can wait takes an `AbortSignal`; `retry.ts` puts a deadline on each call.
 *
 * A key is a UTF-8 string of 1 to 1,024 bytes, without NUL; `/` in it has no meaning to callers.
 *
 * Failures are `StoreError`s (see `errors.ts`): callers go by class, never by message.
 */
export interface ObjectStore {
  /** Where this is, for messages: `disk:/srv/backups`. Never holds a secret. */
  readonly name: string;

  /** The bucket itself, where it is a directory of this host. */
  readonly directory?: string;

  /**
   * How many listings side by side are faster than one after the other: a service answers each with a page at a time.
   *
   * @default 1
   */
  readonly listings?: number;

  /**
   * Connects and makes sure that the bucket is there.
   *
   * @throws BucketMissingError when it is not, and `create` is false; what `onMissing` throws.
   * @throws DeniedError when the credentials are refused.
   */
  open(options: OpenOptions): Promise<void>;

  /** Streams the objects of a range, ascending by the UTF-8 bytes of their keys, page by page. */
  list(range?: ListRange): AsyncIterable<StoredObject>;

  /** The same by the page, as they come. @default each object is one */
  pages?(range?: ListRange): AsyncIterable<Page>;

  /**
   * Reads one object whole, checked against what the store knows of its integrity.
   *
   * @throws NotFoundError when there is none; TooLargeError when it has more than `maxBytes` bytes.
   */
  get(key: string, options: GetOptions): Promise<Uint8Array>;

  /**
   * Stores one object, all or nothing: a reader sees the old bytes or the new, and the bytes stored were checked to be
   * the bytes given. An existing object is replaced.
   */
  put(key: string, body: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<void>;

  /** Deletes many objects. One that is absent is fine. Returns those that could not be deleted, and why. */
  delete(keys: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<DeleteFailure[]>;

  /** What time it is at the store, or undefined when it cannot tell (without writing, where the store is read-only). */
  clock(options?: { readonly signal?: AbortSignal }): Promise<Date | undefined>;

  /**
   * Removes what runs that were killed left in the bucket and no listing shows, if it is surely this program's own and
   * older than any run that is alive would leave it. A store without this has nothing of the kind.
   */
  sweep?(options: SweepOptions): Promise<Swept>;

  /** Resolves when all that was put so far would outlive a power cut. */
  flush(options?: { readonly signal?: AbortSignal }): Promise<void>;

  /** Lets go of sockets and handles. The store is not used afterwards. */
  close(): Promise<void>;
}

export interface GetOptions {
  readonly maxBytes: number;
  /** Size of the object as it was listed: the larger it is, the longer it may take. @default 0 */
  readonly expectedBytes?: number;
  readonly signal?: AbortSignal;
}

export interface OpenOptions {
  /** Create the bucket if it is missing. */
  readonly create: boolean;
  /** Called before a missing bucket is created, perhaps again when that is retried; throws to refuse. */
  readonly onMissing?: () => void;
  readonly signal?: AbortSignal;
}

/** Part of the key space. All bounds are compared by UTF-8 bytes. */
export interface ListRange {
  /** Only keys that begin with this. @default '' */
  readonly prefix?: string;
  /** Only keys after this one (exclusive). */
  readonly startAfter?: string;
  /** Only keys before this one (exclusive). */
  readonly endBefore?: string;
  /** Called when a part of a page has arrived. */
  readonly onProgress?: (() => void) | undefined;
  readonly signal?: AbortSignal;
}

/** One object as a listing tells it. */
export interface StoredObject {
  readonly key: string;
  /** In bytes. */
  readonly size: number;
  /** MD5 of the body, 32 lower-case hex digits, where the listing tells it. It may be no MD5 at all (SSE-KMS): only equality proves something. */
  readonly md5?: string;
  /** When the store last wrote it, by the store's clock. */
  readonly modified: Date;
}

/** Neighbours of a listing, ascending, in an array: for millions, a promise for each would cost more than all the rest. */
export type Page = readonly StoredObject[];

/** An object that a batch could not delete. */
export interface DeleteFailure {
  readonly key: string;
  readonly error: Error;
}
