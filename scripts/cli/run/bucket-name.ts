import type { Config } from '../../../config/schema.ts';
import { readArguments } from '../../../config/storage/arguments.ts';
import { checkStorage, diskPath } from '../../../config/storage/storage.ts';
import { rootOf } from '../../../lib/bucket/layout.ts';
import { placeOf } from './operation-options.ts';

/** The settings that select a bucket. */
export type BucketSettings = Pick<Config, 'storage' | 'storageArgs' | 'bucket' | 'storagePath' | 'storagePathRaw'>;

/**
 * Returns the name of the configured bucket, such as `s3:graphite.web01 at https://s3.example.org`. Equal names mean the
 * same backups. Needs no credentials, so that any user can call it.
 *
 * @returns undefined if no storage is configured.
 * @throws UsageError if the storage or an argument is unknown.
 */
export async function bucketName(settings: BucketSettings): Promise<string | undefined> {
  if (settings.storage === undefined) return undefined;
  const root = rootOf(placeOf(settings));
  return `${await storeName(settings)}${root === '' ? '' : `, storage path ${root}`}`;
}

async function storeName({ storage, storageArgs, bucket }: BucketSettings): Promise<string> {
  const kind = checkStorage(storage);
  if (kind === 'noop') return kind;
  if (kind === 's3') {
    const { endpoint } = readArguments(kind, storageArgs, (await import('../../../config/storage/s3.ts')).s3Arguments);
    return `s3:${bucket}${endpoint === undefined ? '' : ` at ${withoutUser(endpoint)}`}`;
  }
  if (kind === 'swift') {
    const { region } = readArguments(
      kind,
      storageArgs,
      (await import('../../../config/storage/swift.ts')).swiftArguments,
    );
    return `swift:${bucket}${region === undefined ? '' : ` in ${region}`}`;
  }
  return `disk:${diskPath(bucket, readArguments(kind, storageArgs, ['path']).path)}`;
}

/** Removes user and password from a URL. */
function withoutUser(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//');
}
