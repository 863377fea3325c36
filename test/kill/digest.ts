import { createHash } from 'node:crypto';

/** The same for the same parts. */
export function digestOf(parts: Iterable<string | Uint8Array>): string {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}
