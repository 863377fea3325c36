import type { _Object as Listed } from '@aws-sdk/client-s3';
import type { MiddlewareStack } from '@smithy/types';
import { readBody } from '../body.ts';

/** A page of 1,000 keys with everything escaped has some 4 MB. */
const MAX_PAGE_BYTES = 64 * 1024 * 1024;

/**
 * Takes the objects out of a listing's answer before the SDK reads it: its parser needs some 11 µs for each, which are
 * ten times what all that comes after needs. The rest of the answer, and what does not look as expected, is left to it.
 *
 * @param doing for messages: `list s3:backups`.
 * @param onProgress called when a part of the answer has arrived.
 * @returns what tells the objects, once the answer is there; undefined when they were left to the SDK.
 */
export function takeContents<I extends object, O extends object>(
  stack: MiddlewareStack<I, O>,
  doing: string,
  onProgress?: () => void,
): () => Listed[] | undefined {
  let taken: Listed[] | undefined;
  stack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { response } = result;
      if (!isAnswer(response) || response.statusCode !== 200) return result;
      const length = response.headers['content-length'];
      const body = await readBody(response.body, {
        length: length === undefined ? undefined : Number(length),
        maxBytes: MAX_PAGE_BYTES,
        doing,
        onProgress,
      });
      const split = splitContents(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
      taken = split?.objects;
      response.body = split?.rest ?? body;
      return result;
    },
    // Next to the network, so that it comes before the SDK's own.
    { step: 'deserialize', priority: 'low', name: 'whisperBackupContents' },
  );
  return () => taken;
}

/**
 * Splits an answer of ListObjectsV2 into its objects and the XML around them.
 *
 * @returns undefined when there is anything in it that only a real parser should read.
 */
export function splitContents(body: Buffer): { objects: Listed[]; rest: Uint8Array } | undefined {
  // A character for each byte, so that what is found in the one can be cut out of the other. Strings cut out of the text
  // would each keep the whole of it in memory.
  const text = body.toString('latin1');
  if (text.includes('<!')) return undefined;
  const objects: Listed[] = [];
  const rest: Buffer[] = [];
  let at = 0;
  for (;;) {
    const start = text.indexOf('<Contents>', at);
    const end = start < 0 ? -1 : text.indexOf('</Contents>', start);
    if (end < 0) break;
    // By itself, so that an element it lacks is not looked for in all that follows, once for each object.
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
    // A number alone would also be '', '0x10' and '1e3'.
    if (Key === '' || Key.includes('&') || !/^\d+$/.test(bytes) || !Number.isSafeInteger(Size)) return undefined;
    if (!time.endsWith('Z') || Number.isNaN(LastModified.getTime())) return undefined;
    const ETag = etag && body.toString('latin1', ...etag).replaceAll('&quot;', '"');
    objects.push({ Key, Size, LastModified, ...(ETag !== undefined && { ETag }) });
    if (start > at) rest.push(body.subarray(at, start));
    at = end + '</Contents>'.length;
  }
  rest.push(body.subarray(at));
  const around = Buffer.concat(rest);
  // One with attributes, or half of one.
  return around.includes('<Contents') ? undefined : { objects, rest: around };
}

/** Where the text of an element of an object stands in the answer, in which the object begins at `offset`. */
function element(object: string, name: string, offset: number): [number, number] | undefined {
  const open = object.indexOf(`<${name}>`);
  if (open < 0) return undefined;
  const start = open + name.length + 2;
  const end = object.indexOf('<', start);
  return end >= 0 && object.startsWith(`</${name}>`, end) ? [offset + start, offset + end] : undefined;
}

/** What is used of the SDK's HttpResponse. */
interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  body: unknown;
}

function isAnswer(response: unknown): response is Answer {
  return typeof response === 'object' && response !== null && 'statusCode' in response && 'body' in response;
}
