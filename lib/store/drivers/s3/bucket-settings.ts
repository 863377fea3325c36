import type { LifecycleRule as RawRule } from '@aws-sdk/client-s3';
import { connect } from './client.ts';
import { s3Error } from './errors.ts';
import { readFailure } from './failure.ts';
import type { S3StoreOptions } from './options.ts';

/** The settings of a bucket that delete or keep objects without this program. Undefined: the store does not report it. */
export interface BucketSettings {
  readonly versioning: 'enabled' | 'suspended' | 'never' | undefined;
  readonly objectLock: boolean | undefined;
  /** Enabled rules only. */
  readonly lifecycle: readonly LifecycleRule[] | undefined;
  /** The permissions or calls that the store refused. */
  readonly refused: readonly string[];
}

export interface LifecycleRule {
  readonly name: string;
  /** It applies to keys with this prefix. */
  readonly prefix: string;
  /** When it deletes current objects: `30 days after they were stored`. */
  readonly expires?: string;
  /** Days after which it deletes versions that were overwritten or deleted. */
  readonly noncurrentDays?: number;
  /** Storage class to which it moves current objects, from which they cannot be read. */
  readonly archive?: string;
}

/**
 * Reads the settings of a bucket.
 *
 * @throws StoreError if the bucket cannot be used. A refusal to report one setting is not an error.
 */
export async function readBucketSettings(options: S3StoreOptions, abortSignal: AbortSignal): Promise<BucketSettings> {
  const { sdk, client } = await connect(options);
  const refused: string[] = [];
  const read = async <T>(name: string, none: string, request: () => Promise<T>, empty: T): Promise<T | undefined> => {
    try {
      return await request();
    } catch (error) {
      abortSignal.throwIfAborted();
      const { name: code, status = 0 } = readFailure(error);
      if (code === none) return empty;
      if (![400, 403, 405, 501].includes(status))
        throw s3Error(error, `read the settings of s3:${options.bucket}`, 'bucket');
      refused.push(name);
      return undefined;
    }
  };
  const Bucket = options.bucket;
  try {
    const versioning = await read(
      's3:GetBucketVersioning',
      '',
      async () =>
        (await client.send(new sdk.GetBucketVersioningCommand({ Bucket }), { abortSignal })).Status ?? 'Never',
      'Never',
    );
    const lock = await read(
      's3:GetBucketObjectLockConfiguration',
      'ObjectLockConfigurationNotFoundError',
      async () => {
        const { ObjectLockConfiguration } = await client.send(new sdk.GetObjectLockConfigurationCommand({ Bucket }), {
          abortSignal,
        });
        return ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled';
      },
      false,
    );
    const rules = await read(
      's3:GetLifecycleConfiguration',
      'NoSuchLifecycleConfiguration',
      async () =>
        (await client.send(new sdk.GetBucketLifecycleConfigurationCommand({ Bucket }), { abortSignal })).Rules,
      [],
    );
    const enabled = rules?.filter(({ Status }) => Status === 'Enabled');
    const state = { Enabled: 'enabled', Suspended: 'suspended', Never: 'never' } as const;
    return {
      versioning: versioning && state[versioning],
      objectLock: lock,
      lifecycle: enabled?.map(ruleOf),
      refused,
    };
  } finally {
    client.destroy();
  }
}

/** Storage classes whose objects must be restored before they can be read. */
const ARCHIVES = new Set(['GLACIER', 'DEEP_ARCHIVE']);

function ruleOf({
  ID = '',
  Prefix,
  Filter,
  Expiration,
  NoncurrentVersionExpiration,
  Transitions = [],
}: RawRule): LifecycleRule {
  const { Days, Date: date } = Expiration ?? {};
  const noncurrentDays = NoncurrentVersionExpiration?.NoncurrentDays;
  const archive = Transitions.find(({ StorageClass = '' }) => ARCHIVES.has(StorageClass))?.StorageClass;
  return {
    name: ID,
    prefix: Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix ?? '',
    ...(Days !== undefined && { expires: `${Days} days after they were stored` }),
    ...(date !== undefined && { expires: `on ${date.toISOString().slice(0, 10)}` }),
    ...(noncurrentDays !== undefined && { noncurrentDays }),
    ...(archive !== undefined && { archive }),
  };
}
