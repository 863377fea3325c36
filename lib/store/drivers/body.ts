import { TooLargeError, TransientError } from '../errors.ts';

/**
 * Reads the body of an answer whole.
 *
 * @param length what the answer's Content-Length says, when it says it.
 * @param doing for messages: `read "a.b/c" from s3:backups`.
 * @param onProgress called for each part of it.
 * @throws TooLargeError as soon as it is known to have more than `maxBytes`; TransientError when it breaks off.
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
  // Leaving the loop by an error closes the connection.
  for await (const chunk of chunksOf(body, doing)) {
    onProgress?.();
    size += chunk.length;
    const least = Math.max(size, length ?? 0);
    if (least > maxBytes) {
      throw new TooLargeError(`Cannot ${doing}: it has ${least} bytes or more, and ${maxBytes} is the most asked for`);
    }
    chunks.push(chunk);
  }
  if (length !== undefined && size !== length) {
    throw new TransientError(`Cannot ${doing}: the answer broke off after ${size} of ${length} bytes`);
  }
  return joined(chunks, size);
}

/** Passes on the chunks of a stream. Whatever breaks it, it was there, so it is worth another try. */
async function* chunksOf(body: unknown, doing: string): AsyncGenerator<Uint8Array, void, void> {
  if (!isAsyncIterable(body)) throw new TransientError(`Cannot ${doing}: the answer has no body`);
  try {
    for await (const chunk of body) {
      if (!(chunk instanceof Uint8Array)) throw new Error('the body is not made of bytes');
      yield chunk;
    }
  } catch (error) {
    throw new TransientError(`Cannot ${doing}: the answer broke off`, { cause: error });
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Puts the chunks of a body together. @param size how many bytes they have in all. */
export function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
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
