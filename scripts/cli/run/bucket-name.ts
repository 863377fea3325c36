import type { Config } from '../../../config/schema.ts';
import { readArguments } from '../../../config/storage/arguments.ts';
import { checkStorage, diskPath } from '../../../config/storage/storage.ts';
import { rootOf } from '../../../lib/bucket/layout.ts';
import { placeOf } from './operation-options.ts';

/** The settings that say where backups are. */
export type BucketSettings = Pick<Config, 'storage' | 'storageArgs' | 'bucket' | 'storagePath' | 'storagePathRaw'>;

/**
 * Names the bucket of a configuration, as `s3:graphite.web01 at https://s3.example.org`. Two configurations have the same
 * name when they mean the same backups. It reads no credentials, so that any user may ask.
 *
 * @returns undefined when no storage is named.
 * @throws UsageError for an unknown storage or argument.
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

/** A user and a password may stand in an address. */
function withoutUser(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//');
}
