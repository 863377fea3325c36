import { createHash } from 'node:crypto';
import { PermanentError, TransientError } from '../../errors.ts';
import type { Answer } from './exchange.ts';

/** The ETag of an answer, without the quotes that some servers put around it. */
export function etagOf({ headers }: Answer): string | undefined {
  return headers
    .get('etag')
    ?.replace(/^(W\/)?"(.*)"$/, '$2')
    .toLowerCase();
}

/**
 * Checks a body that was read against its ETag, which is its MD5, unless the object is made of segments.
 *
 * @throws TransientError when it is another body, or not all of it; PermanentError when it cannot be checked.
 */
export function checkBody(answer: Answer, doing: string): void {
  const { headers, body } = answer;
  // `fetch` has undone it by now.
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    throw new PermanentError(`Cannot ${doing}: it was stored with Content-Encoding ${encoding}, so it is none of ours`);
  }
  const announced = headers.get('content-length');
  if (announced !== null && Number(announced) !== body.length) {
    throw new TransientError(`Cannot ${doing}: the body was cut at ${body.length} of ${announced} bytes`);
  }
  const etag = etagOf(answer);
  const segmented = headers.get('x-static-large-object') !== null || headers.get('x-object-manifest') !== null;
  if (segmented || etag === undefined || !/^[0-9a-f]{32}$/.test(etag)) return;
  const md5 = createHash('md5').update(body).digest('hex');
  if (md5 !== etag) throw new TransientError(`Cannot ${doing}: the body was damaged (MD5 ${md5}, not ${etag})`);
}
