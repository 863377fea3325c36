import type { _Object as Listed } from '@aws-sdk/client-s3';
import type { MiddlewareStack } from '@smithy/types';
import { readBody } from '../body.ts';

/** A page of 1,000 keys has at most about 4 MB. */
const MAX_PAGE_BYTES = 64 * 1024 * 1024;

/**
 * Extracts the objects from the response to a listing before the SDK parses it. The SDK's parser takes about 11 µs per
 * object, ten times as long as everything after it. The SDK parses the rest of the response, or all of it if it is
 * unusual.
 *
 * @param doing the action, for messages: `list s3:backups`.
 * @param onProgress called for each chunk of the response.
 * @returns a function that returns the objects after the response, or undefined if the SDK has parsed them.
 */
export function takeContents<I extends object, O extends object>(
  stack: MiddlewareStack<I, O>,
  doing: string,
  onProgress?: () => void,
): () => Listed[] | undefined {
  let objects: Listed[] | undefined;
  stack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { response } = result;
      if (!isResponse(response) || response.statusCode !== 200) return result;
      const length = response.headers['content-length'];
      const body = await readBody(response.body, {
        length: length === undefined ? undefined : Number(length),
        maxBytes: MAX_PAGE_BYTES,
        doing,
        onProgress,
      });
      const split = splitContents(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
      objects = split?.objects;
      response.body = split?.rest ?? body;
      return result;
    },
    // Closest to the network, so that it runs before the SDK's parser.
    { step: 'deserialize', priority: 'low', name: 'whisperBackupContents' },
  );
  return () => objects;
}

/**
 * Splits a response to ListObjectsV2 into its objects and the XML around them.
 *
 * @returns undefined if it contains anything that needs a real XML parser.
 */
export function splitContents(body: Buffer): { objects: Listed[]; rest: Uint8Array } | undefined {
  // latin1 has one character per byte, so positions in the text are positions in the body. Values are copied from the
  // body, because a substring would keep the whole text in memory.
  const text = body.toString('latin1');
  if (text.includes('<!')) return undefined;
  const objects: Listed[] = [];
  const rest: Buffer[] = [];
  let at = 0;
  for (;;) {
    const start = text.indexOf('<Contents>', at);
    const end = start < 0 ? -1 : text.indexOf('</Contents>', start);
    if (end < 0) break;
    // A separate string, so that the search for a missing element does not scan the rest of the response.
    const object = text.slice(start, end);
    const key = element(object, 'Key', start);
    const size = element(object, 'Size', start);
    const modified = element(object, 'LastModified', start);
    const etag = element(object, 'ETag', start);
    if (!key || !size || !modified) return undefined;
    const Key = body.toString('utf8', ...key);
    const bytes = body.toString('latin1', ...size);
    const Size = Number(bytes);
    const time = body.toString('latin1', ...modified);
    const LastModified = new Date(time);
    // Number() would also accept '', '0x10' and '1e3'.
    if (Key === '' || Key.includes('&') || !/^\d+$/.test(bytes) || !Number.isSafeInteger(Size)) return undefined;
    if (!time.endsWith('Z') || Number.isNaN(LastModified.getTime())) return undefined;
    const ETag = etag && body.toString('latin1', ...etag).replaceAll('&quot;', '"');
    objects.push({ Key, Size, LastModified, ...(ETag !== undefined && { ETag }) });
    if (start > at) rest.push(body.subarray(at, start));
    at = end + '</Contents>'.length;
  }
  rest.push(body.subarray(at));
  const around = Buffer.concat(rest);
  // Not a plain <Contents>: one with attributes or an incomplete one.
  return around.includes('<Contents') ? undefined : { objects, rest: around };
}

/** Finds the text of an element. @returns start and end in the body, in which the object starts at `offset`. */
function element(object: string, name: string, offset: number): [number, number] | undefined {
  const open = object.indexOf(`<${name}>`);
  if (open < 0) return undefined;
  const start = open + name.length + 2;
  const end = object.indexOf('<', start);
  return end >= 0 && object.startsWith(`</${name}>`, end) ? [offset + start, offset + end] : undefined;
}

/** The used part of the SDK's HttpResponse. */
interface Response {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  body: unknown;
}

function isResponse(response: unknown): response is Response {
  return typeof response === 'object' && response !== null && 'statusCode' in response && 'body' in response;
}
