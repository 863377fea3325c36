import { createHash } from 'node:crypto';
import type { MiddlewareStack } from '@smithy/types';

/**
 * Sends the MD5 of a request's body in place of the CRC32 that the SDK chose: of the two it is the one that every
 * S3-like store understands, and some demand.
 */
export function sendMd5<I extends object, O extends object>(stack: MiddlewareStack<I, O>): void {
  stack.add(
    (next) => (args) => {
      const { request } = args;
      if (hasHeaders(request) && 'body' in request && typeof request.body === 'string') {
        for (const name of Object.keys(request.headers)) {
          if (/^x-amz-(checksum-|sdk-checksum-)/i.test(name)) delete request.headers[name];
        }
        request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64');
      }
      return next(args);
    },
    // Behind the one that computes the CRC32, and before the request is signed.
    { step: 'build', priority: 'low', name: 'whisperBackupContentMd5' },
  );
}

/** Tells of each request when it is sent. */
export function tellRequests<I extends object, O extends object>(
  stack: MiddlewareStack<I, O>,
  onRequest: () => void,
): void {
  stack.add(
    (next) => (args) => {
      onRequest();
      return next(args);
    },
    { step: 'deserialize', priority: 'low', name: 'whisperBackupRequests' },
  );
}

/** @returns what tells the `Date` of the answer, once it is there. */
export function answerDate<I extends object, O extends object>(stack: MiddlewareStack<I, O>): () => Date | undefined {
  let date: Date | undefined;
  stack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { response } = result;
      const header = hasHeaders(response) ? response.headers['date'] : undefined;
      const time = Date.parse(String(header));
      if (!Number.isNaN(time)) date = new Date(time);
      return result;
    },
    { step: 'deserialize', name: 'whisperBackupDate' },
  );
  return () => date;
}

function hasHeaders(message: unknown): message is { readonly headers: Record<string, unknown> } {
  return typeof message === 'object' && message !== null && 'headers' in message && typeof message.headers === 'object';
}
