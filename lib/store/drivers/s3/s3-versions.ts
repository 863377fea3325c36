import { DeniedError, PermanentError } from '../../errors.ts';
import { quoted } from '../../key.ts';
import type { ListRange, ObjectStore } from '../../store.ts';
import { type Versions, versionsMissing } from '../as-of.ts';
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

/** Reads the versions of a bucket of S3 at a moment. */
export class S3Versions implements Versions {
  readonly #current: Current;
  readonly #asOf: Date;

  constructor(current: Current, asOf: Date) {
    this.#current = current;
    this.#asOf = asOf;
  }

  async check(doing: string, signal: AbortSignal | undefined): Promise<void> {
    const setting = await readSetting(this.#current, 'versioning', doing, signal).catch(explainDenied);
    // A suspended bucket has the versions from before.
    if (!/<Status>(Enabled|Suspended)</.test(setting)) throw versionsMissing(doing);
  }

  pages(range: ListRange, doing: string) {
    const readPage: ReadPage = (start, signal) => this.#readPage(start, doing, signal, range.onProgress);
    return listPages(readPage, range, doing, this.#current.encoding);
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
      const answer = await this.#current
        .exchange({ ...request, onProgress, doing, signal }, 'bucket')
        .catch(explainDenied);
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

/** @throws the error, with the permissions that are needed if the store has refused. */
function explainDenied(error: unknown): never {
  if (!(error instanceof DeniedError)) throw error;
  const remedy = 'Allow s3:GetBucketVersioning, s3:ListBucketVersions and s3:GetObjectVersion';
  throw new DeniedError(`${error.message}. ${remedy}`, { cause: error });
}
