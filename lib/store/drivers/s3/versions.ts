import { TransientError } from '../../errors.ts';
import { unescapeXml } from './failure.ts';
import type { ListedObject, ListingResponse } from './listing.ts';

/** Where a page of versions begins. Keys are as the store encodes them. */
export interface VersionMarker {
  readonly key: string;
  /** Behind this version of the key. @default behind all versions of the key */
  readonly version?: string;
  /** The key whose version was selected last: its older versions follow. */
  readonly decided?: string;
}

export interface VersionsPage extends ListingResponse {
  /** The objects of that moment. */
  readonly Contents: readonly ListedObject[];
  /** Undefined at the end. */
  readonly next?: VersionMarker;
}

/**
 * Parses a response to ListObjectVersions, and selects the newest version of each key at a moment. A key whose newest
 * version was a delete marker is left out. The SDK returns versions and delete markers in two lists, without their
 * common order.
 *
 * @param from where the page begins.
 * @throws TransientError if the response is not such a listing.
 */
export function versionsAt(xml: string, asOf: Date, from: VersionMarker | undefined, doing: string): VersionsPage {
  const isTruncated = textOf(xml, 'IsTruncated');
  if (!/<\/ListVersionsResult>\s*$/.test(xml) || (isTruncated !== 'true' && isTruncated !== 'false')) {
    throw new TransientError(`Cannot ${doing}: the response is not a listing of versions`);
  }
  let decided = from?.decided;
  let last: { readonly key: string; readonly version: string } | undefined;
  const objects: ListedObject[] = [];
  // The versions of a key are adjacent, the newest first.
  for (const [, kind, entry = ''] of xml.matchAll(/<(Version|DeleteMarker)>(.*?)<\/\1>/gs)) {
    const key = textOf(entry, 'Key');
    const version = textOf(entry, 'VersionId');
    const modified = new Date(textOf(entry, 'LastModified') ?? '');
    if (key === undefined || version === undefined || Number.isNaN(modified.getTime())) {
      throw new TransientError(`Cannot ${doing}: the response has a version without key, version or time`);
    }
    last = { key, version };
    if (key === decided || modified > asOf) continue;
    decided = key;
    if (kind === 'DeleteMarker') continue;
    const [size, etag] = [textOf(entry, 'Size'), textOf(entry, 'ETag')];
    const Size = size === undefined ? Number.NaN : Number(size);
    objects.push({
      Key: key,
      VersionId: version,
      LastModified: modified,
      Size,
      ...(etag !== undefined && { ETag: etag }),
    });
  }
  const page = {
    Contents: objects,
    IsTruncated: isTruncated === 'true',
    ...(textOf(xml, 'EncodingType') === 'url' && { EncodingType: 'url' as const }),
  };
  if (!page.IsTruncated || !last) return page;
  // The older versions of a key may be many. A store that lists them nevertheless is asked for its own next page.
  if (last.key === decided && from?.decided !== decided) return { ...page, next: { key: decided, decided } };
  const key = textOf(xml, 'NextKeyMarker') ?? last.key;
  const version = textOf(xml, 'NextVersionIdMarker') ?? last.version;
  return { ...page, next: { key, version, ...(decided !== undefined && { decided }) } };
}

/** Returns the text of the first element with a name, in memory of its own: a part would keep the whole response. */
function textOf(xml: string, name: string): string | undefined {
  const open = xml.indexOf(`<${name}>`);
  if (open < 0) return undefined;
  const start = open + name.length + 2;
  return unescapeXml(Buffer.from(xml.slice(start, xml.indexOf('<', start))).toString());
}
