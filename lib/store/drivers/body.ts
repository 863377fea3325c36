import { TooLargeError, TransientError } from '../errors.ts';

/**
 * Reads the whole body of a response.
 *
 * @param length the Content-Length of the response, if any.
 * @param doing the action, for messages: `read "a.b/c" from s3:backups`.
 * @param onProgress called for each chunk of the body.
 * @throws TooLargeError as soon as the body exceeds `maxBytes`.
 * @throws TransientError if the body ends early.
 */
export async function readBody(
  body: unknown,
  {
    length,
    maxBytes,
    doing,
    onProgress,
  }: {
    readonly length: number | undefined;
    readonly maxBytes: number;
    readonly doing: string;
    readonly onProgress?: (() => void) | undefined;
  },
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // An error inside the loop closes the connection.
  for await (const chunk of chunksOf(body, doing)) {
    onProgress?.();
    size += chunk.length;
    const least = Math.max(size, length ?? 0);
    if (least > maxBytes) {
      throw new TooLargeError(`Cannot ${doing}: it has at least ${least} bytes, the limit is ${maxBytes}`);
    }
    chunks.push(chunk);
  }
  if (length !== undefined && size !== length) {
    throw new TransientError(`Cannot ${doing}: the response ended after ${size} of ${length} bytes`);
  }
  return concat(chunks, size);
}

/** Yields the chunks of a stream. The object exists, so every failure is transient. */
async function* chunksOf(body: unknown, doing: string): AsyncGenerator<Uint8Array, void, void> {
  if (!isAsyncIterable(body)) throw new TransientError(`Cannot ${doing}: the response has no body`);
  try {
    for await (const chunk of body) {
      if (!(chunk instanceof Uint8Array)) throw new Error('the body does not consist of bytes');
      yield chunk;
    }
  } catch (error) {
    throw new TransientError(`Cannot ${doing}: the response ended early`, { cause: error });
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Concatenates the chunks of a body. @param size the total number of bytes. */
export function concat(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [only] = chunks;
  if (only && chunks.length === 1) return only;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
