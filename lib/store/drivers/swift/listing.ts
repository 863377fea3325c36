import { compareKeys } from '../../../common/order.ts';
import { BucketMissingError, PermanentError, TransientError } from '../../errors.ts';
import type { ListRange, Page, StoredObject } from '../../store.ts';
import { containerPath } from './path.ts';
import type { Requests } from './requests.ts';

/** A page of 10,000 long names has about 15 MB. */
export const MAX_PAGE_BYTES = 64 * 1024 * 1024;

/**
 * Lists a container by marker, page by page, until one is empty. A page that is shorter than the limit is not
 * necessarily the last one, because pages of radosgw have 1,000 objects for any limit.
 *
 * @param name name of the store, for messages.
 * @throws BucketMissingError
 * @throws PermanentError if pages repeat.
 * @throws TransientError if a response is not a listing.
 */
export async function* listContainer(
  requests: Requests,
  container: string,
  name: string,
  pageSize: number | undefined,
  { prefix = '', startAfter, endBefore, onProgress, signal }: ListRange,
): AsyncGenerator<Page, void, void> {
  signal?.throwIfAborted();
  const doing = `list ${name}`;
  for (const bound of [prefix, startAfter, endBefore]) {
    if (bound !== undefined && /\p{Surrogate}/u.test(bound)) {
      throw new PermanentError(`Cannot ${doing}: a bound contains a lone surrogate`);
    }
  }
  // No key is before ''. Swift would ignore this bound.
  if (endBefore === '') return;
  let marker = startAfter;
  for (;;) {
    const query = {
      format: 'json',
      ...(pageSize !== undefined && { limit: String(pageSize) }),
      ...(prefix !== '' && { prefix }),
      ...(marker !== undefined && { marker }),
      ...(endBefore !== undefined && { end_marker: endBefore }),
    };
    const answer = await requests.send({
      method: 'GET',
      path: containerPath(container),
      query,
      maxBytes: MAX_PAGE_BYTES,
      doing,
      onProgress,
      signal,
    });
    if (answer.status === 404) throw containerMissing(container);
    if (answer.status < 200 || answer.status >= 300) throw requests.error(answer, doing);
    const page = parsePage(answer.body, doing, readRow);
    const last = page.at(-1);
    if (!last) return;
    if (marker !== undefined && compareKeys(last.key, marker) <= 0) {
      throw new PermanentError(`Cannot ${doing}: the listing repeats itself at ${JSON.stringify(last.key)}`);
    }
    signal?.throwIfAborted();
    const past = endBefore === undefined ? -1 : page.findIndex(({ key }) => compareKeys(key, endBefore) >= 0);
    yield (past < 0 ? page : page.slice(0, past)).filter(({ key }) => key.startsWith(prefix));
    if (past >= 0) return;
    marker = last.key;
  }
}

export function containerMissing(container: string): BucketMissingError {
  return new BucketMissingError(
    `The Swift container ${JSON.stringify(container)} does not exist. The first backup creates it, or check its name.`,
  );
}

/** @throws TransientError if the response is not a listing. */
export function parsePage<T>(body: Uint8Array, doing: string, read: (row: unknown) => T): readonly T[] {
  if (body.length === 0) return [];
  try {
    const page: unknown = JSON.parse(decoder.decode(body));
    if (!Array.isArray(page)) throw new Error('it is not an array');
    return page.map(read);
  } catch (error) {
    throw new TransientError(`Cannot ${doing}: the response is not a listing of Swift`, { cause: error });
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Validated by hand, which is faster than a schema for millions of rows. */
export function readRow(row: unknown): StoredObject {
  if (!isRow(row)) throw new Error('an entry is not an object');
  const { name, bytes, hash, last_modified } = row;
  if (typeof name !== 'string' || name === '') throw new Error('an object has no name');
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0) throw new Error('an object has no size');
  const modified = modifiedOf(last_modified);
  return isMd5(hash) ? { key: name, size: bytes, modified, md5: hash } : { key: name, size: bytes, modified };
}

function isRow(row: unknown): row is Readonly<Partial<Record<'name' | 'bytes' | 'hash' | 'last_modified', unknown>>> {
  return typeof row === 'object' && row !== null;
}

/** Parses a time like `2026-11-22T03:14:15.123456`, which is UTC even without a `Z`. */
function modifiedOf(text: unknown): Date {
  if (typeof text !== 'string') throw new Error('an object has no time');
  const modified = new Date(/(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
  if (Number.isNaN(modified.getTime())) throw new Error('an object has no time');
  return modified;
}

/** The hash of a large object's manifest or of a multipart upload by S3 is not an MD5 of the body. */
function isMd5(hash: unknown): hash is string {
  return typeof hash === 'string' && /^[0-9a-f]{32}$/.test(hash);
}
