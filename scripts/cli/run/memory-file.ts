import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Config } from '../../../config/schema.ts';

/**
 * Returns a file in the cache directory that belongs to a tree.
 *
 * @param bucket name of the store, if the file belongs to one bucket only. @default shared by all buckets
 */
export function memoryFile({ cacheDir, prefix }: Config, kind: 'stat' | 'marks', bucket?: string): string {
  const of = bucket === undefined ? resolve(prefix) : `${resolve(prefix)}\n${bucket}`;
  return join(cacheDir, `${createHash('sha1').update(of).digest('hex').slice(0, 16)}.${kind}`);
}
