import { PermanentError } from './errors.ts';

/** The longest key that every store takes, in bytes of UTF-8 (the limit of S3 and Swift). */
export const MAX_KEY_BYTES = 1024;

const encoder = new TextEncoder();

/** How many bytes a string has in UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/**
 * Refuses what is no key in any store: empty, over 1,024 bytes, with NUL, or not expressible in UTF-8.
 *
 * @param doing what was tried, for the message: `store`, `read`, `delete`.
 * @throws PermanentError
 */
export function checkKey(key: string, doing: string): void {
  const refuse = (why: string) => {
    throw new PermanentError(`Cannot ${doing} ${quoted(key)}: ${why}`);
  };
  if (key === '') refuse('the key is empty');
  if (key.includes('\0')) refuse('the key has a NUL in it');
  if (/\p{Surrogate}/u.test(key)) refuse('the key has half a character in it (a lone surrogate)');
  // A character is 3 bytes at most for each UTF-16 unit, so that most keys need not be encoded to be measured.
  if (key.length * 3 > MAX_KEY_BYTES) {
    const bytes = byteLength(key);
    if (bytes > MAX_KEY_BYTES) refuse(`the key has ${bytes} bytes, and ${MAX_KEY_BYTES} is the most a store takes`);
  }
}

/** A key as messages show it. */
export function quoted(key: string): string {
  return JSON.stringify(key.length > 200 ? `${key.slice(0, 200)}…` : key);
}
