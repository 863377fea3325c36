import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Config } from '../../../config/schema.ts';

/**
 * Returns a file in the cache directory that belongs to a tree.
 *
 * @param bucket name of the store, if the file belongs to one bucket only: also to its storage and arguments, because
 *   another server may have a bucket of the same name. @default shared by all buckets
 */
export function memoryFile(config: Config, kind: 'stat' | 'marks', bucket?: string): string {
  const { cacheDir, prefix, storage, storageArgs } = config;
  const of = bucket === undefined ? resolve(prefix) : JSON.stringify([resolve(prefix), bucket, storage, storageArgs]);
  return join(cacheDir, `${createHash('sha1').update(of).digest('hex').slice(0, 16)}.${kind}`);
}
