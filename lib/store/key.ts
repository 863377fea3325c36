import { PermanentError } from './errors.ts';

/** The maximum size of a key in every store, in bytes of UTF-8; the limit of S3 and Swift. */
export const MAX_KEY_BYTES = 1024;

const encoder = new TextEncoder();

export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/**
 * Checks that a text is a valid key in every store: not empty, at most 1,024 bytes, without NUL and valid in UTF-8.
 *
 * @param doing the action, for the message: `store`, `read`, `delete`.
 * @throws PermanentError if it is not.
 */
export function checkKey(key: string, doing: string): void {
  const refuse = (why: string) => {
    throw new PermanentError(`Cannot ${doing} ${quoted(key)}: ${why}`);
  };
  if (key === '') refuse('the key is empty');
  if (key.includes('\0')) refuse('the key contains a NUL');
  if (/\p{Surrogate}/u.test(key)) refuse('the key contains a lone surrogate');
  // A UTF-16 unit has at most 3 bytes in UTF-8, so most keys need not be encoded.
  if (key.length * 3 > MAX_KEY_BYTES) {
    const bytes = byteLength(key);
    if (bytes > MAX_KEY_BYTES) refuse(`the key has ${bytes} bytes, the limit is ${MAX_KEY_BYTES}`);
  }
}

/** Formats a key for messages. */
export function quoted(key: string): string {
  return JSON.stringify(key.length > 200 ? `${key.slice(0, 200)}…` : key);
}
