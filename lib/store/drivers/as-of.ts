import { formatTimestamp } from '../../common/timestamp.ts';
import { NotFoundError, PermanentError } from '../errors.ts';
import { checkKey, quoted } from '../key.ts';
import { objectsOf } from '../pages.ts';
import type { DeleteFailure, GetOptions, ListRange, ObjectStore, OpenOptions, Page, StoredObject } from '../store.ts';

/** A journal of a week has fewer parts that are read at a time. */
const MOST_FOUND = 10_000;

/** How a driver reads the versions of a bucket. */
export interface Versions {
  /** @throws PermanentError if the bucket has none. @param doing the action, for messages. */
  check(doing: string, signal: AbortSignal | undefined): Promise<void>;
  /** Lists the objects of the moment, each with its version. */
  pages(range: ListRange, doing: string): AsyncGenerator<Page, void, void>;
}

/**
 * A bucket with versions as it was at a moment: objects that were overwritten or deleted later are there, and later ones
 * are not. It can only be read.
 */
export class AsOfStore implements ObjectStore {
  readonly name: string;
  readonly mayDelete = false;
  readonly listings: number;
  readonly #current: ObjectStore;
  readonly #versions: Versions;
  /** Versions that were looked up, for objects that are read a piece at a time. */
  readonly #found = new Map<string, string>();

  /** @param current the bucket as it is, of which `get` reads a given version. */
  constructor(current: ObjectStore, asOf: Date, versions: Versions) {
    this.name = `${current.name} as of ${formatTimestamp(asOf)}`;
    this.listings = current.listings ?? 1;
    this.#current = current;
    this.#versions = versions;
  }

  /** @throws PermanentError if the bucket has no versions. */
  async open({ signal }: OpenOptions): Promise<void> {
    await this.#current.open({ create: false, ...(signal && { signal }) });
    await this.#versions.check(`read ${this.name}`, signal);
  }

  list(range: ListRange = {}): AsyncGenerator<StoredObject, void, void> {
    return objectsOf(this.pages(range), range.signal);
  }

  pages(range: ListRange = {}): AsyncGenerator<Page, void, void> {
    return this.#versions.pages(range, `list ${this.name}`);
  }

  async get(key: string, options: GetOptions): Promise<Uint8Array> {
    checkKey(key, 'read');
    const version = options.version ?? (await this.#versionOf(key, options.signal));
    if (version !== undefined) return this.#current.get(key, { ...options, version });
    throw new NotFoundError(`Cannot read ${quoted(key)} from ${this.name}: there was no such object`);
  }

  async put(key: string): Promise<void> {
    throw this.#readOnly(`store ${quoted(key)}`);
  }

  async delete(keys: readonly string[]): Promise<DeleteFailure[]> {
    throw this.#readOnly(`delete ${keys.length} objects`);
  }

  clock(options: { readonly signal?: AbortSignal } = {}): Promise<Date | undefined> {
    return this.#current.clock(options);
  }

  flush(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#current.flush(options);
  }

  close(): Promise<void> {
    return this.#current.close();
  }

  #readOnly(doing: string): PermanentError {
    return new PermanentError(`Cannot ${doing} on ${this.name}: an earlier state of a bucket can only be read`);
  }

  async #versionOf(key: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    // The key itself is before all others with this prefix.
    for await (const found of this.list({ prefix: key, ...(signal && { signal }) })) {
      if (found.key !== key || found.version === undefined) return undefined;
      if (this.#found.size >= MOST_FOUND) this.#found.clear();
      this.#found.set(key, found.version);
      return found.version;
    }
    return undefined;
  }
}

/** Returns the error of a bucket that has only what is in it now. */
export function versionsMissing(doing: string): PermanentError {
  return new PermanentError(
    `Cannot ${doing}: versioning was never enabled, so the bucket has only what is in it now. Use --date instead of --as-of`,
  );
}
