import { formatTimestamp } from '../../../common/timestamp.ts';
import { DeniedError, NotFoundError, PermanentError } from '../../errors.ts';
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
import { type Exchanger, readSetting } from './exchange.ts';
import type { KeyEncoding } from './key-encoding.ts';
import { listPages, type PageStart, type ReadPage } from './listing.ts';
import type { ObjectRequest } from './objects.ts';
import { type VersionMarker, versionsAt } from './versions.ts';

/** A page of 1,000 versions has at most about 5 MB. */
const MAX_PAGE_BYTES = 64 * 1024 * 1024;

/** Where the next page begins, as {@link listPages} carries it. */
interface Token extends VersionMarker {
  /** The key itself. */
  readonly decoded: string;
}

type Current = ObjectStore & Exchanger & { readonly encoding: KeyEncoding };

/**
 * A bucket with versions as it was at a moment: objects that were overwritten or deleted later are there, and later ones
 * are not. It can only be read.
 */
export class AsOfStore implements ObjectStore {
  readonly name: string;
  readonly mayDelete = false;
  readonly listings: number;
  readonly #current: Current;
  readonly #asOf: Date;

  constructor(current: Current, asOf: Date) {
    this.name = `${current.name} as of ${formatTimestamp(asOf)}`;
    this.listings = current.listings ?? 1;
    this.#current = current;
    this.#asOf = asOf;
  }

  /** @throws PermanentError if the bucket has no versions. */
  async open({ signal }: OpenOptions): Promise<void> {
    await this.#current.open({ create: false, ...(signal && { signal }) });
    const doing = `read ${this.name}`;
    let setting: string;
    try {
      setting = await readSetting(this.#current, 'versioning', doing, signal);
    } catch (error) {
      if (!(error instanceof DeniedError)) throw error;
      const remedy = 'Allow s3:GetBucketVersioning, s3:ListBucketVersions and s3:GetObjectVersion';
      throw new DeniedError(`${error.message}. ${remedy}`, { cause: error });
    }
    // A suspended bucket has the versions from before.
    if (/<Status>(Enabled|Suspended)</.test(setting)) return;
    throw new PermanentError(
      `Cannot ${doing}: versioning was never enabled, so the bucket has only what is in it now. Use --date instead of --as-of`,
    );
  }

  list(range: ListRange = {}): AsyncGenerator<StoredObject, void, void> {
    return objectsOf(this.pages(range), range.signal);
  }

  pages(range: ListRange = {}): AsyncGenerator<Page, void, void> {
    const doing = `list ${this.name}`;
    const readPage: ReadPage = (start, signal) => this.#readPage(start, doing, signal, range.onProgress);
    return listPages(readPage, range, doing, this.#current.encoding);
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
    const range = { prefix: key, ...(signal && { signal }) };
    // The key itself is before all others with this prefix.
    for await (const found of this.list(range)) return found.key === key ? found.version : undefined;
    return undefined;
  }

  async #readPage(start: PageStart, doing: string, signal: AbortSignal, onProgress?: () => void) {
    const { prefix, startAfter, token } = start;
    const from = token === undefined ? undefined : (JSON.parse(token) as Token);
    const marker = from
      ? { 'key-marker': from.decoded, 'version-id-marker': from.version }
      : { 'key-marker': startAfter };
    const read = async (parameters: ObjectRequest['parameters']) => {
      const all = { versions: '', 'encoding-type': 'url', ...parameters };
      const request = { method: 'GET', key: '', parameters: all, maxBytes: MAX_PAGE_BYTES } as const;
      const answer = await this.#current.exchange({ ...request, onProgress, doing, signal }, 'bucket');
      return new TextDecoder().decode(answer.body);
    };
    const { next, ...page } = versionsAt(await read({ prefix, ...marker }), this.#asOf, from, doing);
    if (!next) return page;
    if (next.key === from?.key && next.version === from.version) {
      throw new PermanentError(`Cannot ${doing}: the listing repeats itself at ${quoted(from.decoded)}`);
    }
    const exists = async (prefix: string) => /<(Version|DeleteMarker)>/.test(await read({ prefix }));
    const decode = await this.#current.encoding.decoder([next.key], page.EncodingType === 'url', exists);
    const decoded = decode(next.key);
    if (decoded === undefined) throw new PermanentError(`Cannot ${doing}: the key ${quoted(next.key)} is not UTF-8`);
    return { ...page, NextContinuationToken: JSON.stringify({ ...next, decoded } satisfies Token) };
  }
}
