import type { _Object as Listed, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { compareKeys } from '../../../common/order.ts';
import { PermanentError, TransientError } from '../../errors.ts';
import { quoted } from '../../key.ts';
import type { ListRange, Page, StoredObject } from '../../store.ts';
import { etagMd5 } from './checksums.ts';
import { KeyEncoding } from './key-encoding.ts';

export interface PageStart {
  readonly prefix?: string;
  readonly startAfter?: string;
  /** The continuation token of the previous page. */
  readonly token?: string;
}

export type ListedObject = Listed & { readonly VersionId?: string };

/** The used part of the response to a listing. */
export interface ListingResponse
  extends Pick<ListObjectsV2CommandOutput, 'IsTruncated' | 'NextContinuationToken' | 'EncodingType'> {
  readonly Contents?: readonly ListedObject[] | undefined;
}

export type ReadPage = (start: PageStart, signal: AbortSignal) => Promise<ListingResponse>;

interface ListedPage {
  readonly objects: readonly StoredObject[];
  readonly next: PageStart | undefined;
}

/**
 * Streams a range by the page, and requests the next page while the caller works on the current one.
 *
 * Skips keys that are not UTF-8. Also skips keys outside of the range, in case a server ignores one of its bounds, so
 * that keys of another host are never returned.
 *
 * @param doing the action, for messages: `list s3:backups`.
 * @param encoding what earlier listings of this store have shown.
 * @throws TransientError if a response is not a listing.
 * @throws PermanentError if pages repeat.
 * @throws StoreError of `readPage`.
 */
export async function* listPages(
  readPage: ReadPage,
  { prefix = '', startAfter = '', endBefore, signal }: ListRange,
  doing: string,
  encoding: KeyEncoding = new KeyEncoding(),
): AsyncGenerator<Page, void, void> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });

  const isPast = (key: string) => endBefore !== undefined && compareKeys(key, endBefore) >= 0;
  const isInside = (key: string) => key.startsWith(prefix) && (startAfter === '' || compareKeys(key, startAfter) > 0);
  let furthest = startAfter;
  const exists = async (prefix: string) => ((await readPage({ prefix }, controller.signal)).Contents ?? []).length > 0;
  const read = async (start: PageStart): Promise<ListedPage> => {
    const response = await readPage(start, controller.signal);
    const keys = (response.Contents ?? []).flatMap(({ Key }) => Key ?? []);
    const decode = await encoding.decoder(keys, response.EncodingType === 'url', exists);
    const { objects, next } = parseResponse(response, decode, start, doing);
    const last = objects.at(-1)?.key;
    if (next && last !== undefined && compareKeys(last, furthest) <= 0) {
      throw new PermanentError(`Cannot ${doing}: the listing repeats itself at ${quoted(last)}`);
    }
    furthest = last ?? furthest;
    const isEnd = last !== undefined && isPast(last);
    return { objects: objects.filter(({ key }) => isInside(key)), next: isEnd ? undefined : next };
  };
  const start = { ...(prefix === '' ? {} : { prefix }), ...(startAfter === '' ? {} : { startAfter }) };
  try {
    for (let ahead: Promise<ListedPage> | undefined = read(start); ahead; ) {
      const { objects, next }: ListedPage = await ahead;
      ahead = next && read(next);
      // It is awaited later, or never if the reader stops.
      ahead?.catch(() => {});
      signal?.throwIfAborted();
      const past = objects.findIndex(({ key }) => isPast(key));
      yield past < 0 ? objects : objects.slice(0, past);
      if (past >= 0) return;
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    // Cancels the request for the next page if the reader stopped early.
    controller.abort();
  }
}

function parseResponse(
  response: ListingResponse,
  decode: (key: string) => string | undefined,
  start: PageStart,
  doing: string,
): ListedPage {
  const { IsTruncated, Contents = [], NextContinuationToken: token, EncodingType } = response;
  // A proxy's maintenance page with status 200 would otherwise look like an empty bucket.
  if (IsTruncated === undefined) throw new TransientError(`Cannot ${doing}: the response is not a listing`);
  // Encoded keys are ASCII, so invalid UTF-8 is damage.
  if (EncodingType === 'url' && Contents.some(({ Key }) => Key?.includes('\uFFFD'))) {
    throw new TransientError(`Cannot ${doing}: the response was damaged in transit`);
  }
  const objects = Contents.map((listed) => readObject(listed, decode, doing)).filter((object) => object !== undefined);
  if (!IsTruncated) return { objects, next: undefined };
  if (token !== undefined) return { objects, next: { ...start, token } };
  const startAfter = objects.at(-1)?.key;
  if (startAfter === undefined)
    throw new TransientError(`Cannot ${doing}: the response is truncated, but has no continuation token`);
  return { objects, next: { ...start, startAfter } };
}

function readObject(
  { Key, Size, LastModified, ETag, VersionId: version }: ListedObject,
  decode: (key: string) => string | undefined,
  doing: string,
): StoredObject | undefined {
  // The SDK removes unknown XML entities, so a key of only these is empty.
  if (!Key || Size === undefined || LastModified === undefined) {
    throw new TransientError(`Cannot ${doing}: the response has an object without key, size or time`);
  }
  // The SDK accepts any number and NaN. A wait for that much memory would never end.
  if (!Number.isSafeInteger(Size) || Size < 0 || Number.isNaN(LastModified.getTime())) {
    throw new TransientError(`Cannot ${doing}: the response has an object with an invalid size or time`);
  }
  const key = decode(Key);
  if (key === undefined) return undefined;
  const md5 = etagMd5(ETag);
  const found = { key, size: Size, modified: LastModified };
  return { ...found, ...(md5 !== undefined && { md5 }), ...(version !== undefined && { version }) };
}
