import { createHash } from 'node:crypto';
import type { _Object as Listed, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { compareKeys } from '../../../common/order.ts';
import { PermanentError, TransientError } from '../../errors.ts';
import { quoted } from '../../key.ts';
import type { ListRange, Page, StoredObject } from '../../store.ts';

/** Where a page begins. */
export interface PageStart {
  readonly prefix?: string;
  readonly startAfter?: string;
  /** How the page before said to go on. */
  readonly token?: string;
}

export type ReadPage = (start: PageStart, signal: AbortSignal) => Promise<ListObjectsV2CommandOutput>;

interface Answer {
  readonly objects: readonly StoredObject[];
  readonly next: PageStart | undefined;
}

/**
 * Streams a range page by page. While the caller works on one page the next is on its way.
 *
 * Left out are keys that are not UTF-8, and what is outside the range, should a server not know one of its bounds: a key
 * of another host's is never taken for one of ours.
 *
 * @param doing for messages: `list s3:backups`.
 * @throws TransientError for an answer that is no listing; PermanentError when pages repeat themselves; what `readPage`
 *   throws.
 */
export async function* listPages(
  readPage: ReadPage,
  { prefix = '', startAfter = '', endBefore, signal }: ListRange,
  doing: string,
): AsyncGenerator<Page, void, void> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });

  const isPast = (key: string) => endBefore !== undefined && compareKeys(key, endBefore) >= 0;
  const isInside = (key: string) => key.startsWith(prefix) && (startAfter === '' || compareKeys(key, startAfter) > 0);
  let furthest = startAfter;
  const read = async (start: PageStart): Promise<Answer> => {
    const { objects, next } = readAnswer(await readPage(start, controller.signal), start, doing);
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
    for (let ahead: Promise<Answer> | undefined = read(start); ahead; ) {
      const { objects, next }: Answer = await ahead;
      ahead = next && read(next);
      // It is awaited when the caller comes to it, or never.
      ahead?.catch(() => {});
      signal?.throwIfAborted();
      const past = objects.findIndex(({ key }) => isPast(key));
      yield past < 0 ? objects : objects.slice(0, past);
      if (past >= 0) return;
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    // The caller has had enough, and the next page is not wanted.
    controller.abort();
  }
}

function readAnswer(answer: ListObjectsV2CommandOutput, start: PageStart, doing: string): Answer {
  const { IsTruncated, Contents = [], NextContinuationToken: token, EncodingType } = answer;
  // A page of a proxy that says "under maintenance", with status 200, would else be an empty bucket.
  if (IsTruncated === undefined) throw new TransientError(`Cannot ${doing}: the answer is not a listing`);
  const decode = EncodingType === 'url' ? decodeKey : (key: string) => key;
  // An encoded key is ASCII. Bytes that are no UTF-8 were no part of it when it was sent.
  if (EncodingType === 'url' && Contents.some(({ Key }) => Key?.includes('\uFFFD'))) {
    throw new TransientError(`Cannot ${doing}: the answer was damaged on its way`);
  }
  const objects = Contents.map((listed) => readObject(listed, decode, doing)).filter((object) => object !== undefined);
  if (!IsTruncated) return { objects, next: undefined };
  if (token !== undefined) return { objects, next: { ...start, token } };
  const startAfter = objects.at(-1)?.key;
  if (startAfter === undefined) throw new TransientError(`Cannot ${doing}: the answer does not say how to go on`);
  return { objects, next: { ...start, startAfter } };
}

function readObject(
  { Key, Size, LastModified, ETag }: Listed,
  decode: (key: string) => string | undefined,
  doing: string,
): StoredObject | undefined {
  // The SDK leaves out entities that XML does not know: of a name made of them nothing is left.
  if (!Key || Size === undefined || LastModified === undefined) {
    throw new TransientError(`Cannot ${doing}: the answer has an object without key, size or time`);
  }
  // The SDK takes any number, and NaN for what is none: whoever waits for so much memory would wait for ever.
  if (!Number.isSafeInteger(Size) || Size < 0 || Number.isNaN(LastModified.getTime())) {
    throw new TransientError(`Cannot ${doing}: the answer has an object of which size or time make no sense`);
  }
  const key = decode(Key);
  if (key === undefined) return undefined;
  const md5 = etagMd5(ETag);
  return { key, size: Size, modified: LastModified, ...(md5 === undefined ? {} : { md5 }) };
}

/** Keys come URL-encoded, since XML cannot hold every character; Amazon writes a space as `+`, others as `%20`. */
function decodeKey(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded.replaceAll('+', '%20'));
  } catch {
    return undefined;
  }
}

/** What a store tells of an object it has, as far as it says what its ETag is. */
interface Tagged {
  readonly ETag?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
  readonly SSECustomerAlgorithm?: string | undefined;
}

/** The ETag as an MD5, 32 lower-case hex digits; undefined where it has another form, such as that of a multipart upload. */
function etagMd5(etag: string | undefined): string | undefined {
  return /^"?([0-9a-f]{32})"?$/i.exec(etag ?? '')?.[1]?.toLowerCase();
}

/**
 * Whether an ETag contradicts a body. With a key of KMS or of the customer the ETag looks like an MD5 and is none, so
 * it proves nothing.
 */
export function contradicts(tagged: Tagged, body: Uint8Array): boolean {
  const md5 = etagMd5(tagged.ETag);
  if (md5 === undefined || tagged.SSECustomerAlgorithm !== undefined) return false;
  if (tagged.ServerSideEncryption?.startsWith('aws:kms')) return false;
  return md5 !== createHash('md5').update(body).digest('hex');
}
