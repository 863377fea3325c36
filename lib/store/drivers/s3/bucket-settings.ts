import type { DefaultRetention, LifecycleRuleFilter, LifecycleRule as RawRule } from '@aws-sdk/client-s3';
import { connect } from './client.ts';
import { s3Error } from './errors.ts';
import { readFailure } from './failure.ts';
import type { Lock, S3StoreOptions } from './options.ts';

/** The settings of a bucket that delete or keep objects without this program. Undefined: the store does not report it. */
export interface BucketSettings {
  readonly versioning: 'enabled' | 'suspended' | 'never' | undefined;
  readonly objectLock: boolean | undefined;
  /** How long the bucket locks objects that are stored without a lock of their own. */
  readonly defaultLock?: Lock;
  /** Enabled rules only. */
  readonly lifecycle: readonly LifecycleRule[] | undefined;
  /** The permissions or calls that the store refused. */
  readonly refused: readonly string[];
}

export interface LifecycleRule {
  readonly name: string;
  /** It applies to keys with this prefix. */
  readonly prefix: string;
  /** Whether it applies only to objects with certain tags or sizes. */
  readonly isFiltered: boolean;
  /** Days after which it deletes current objects. */
  readonly expiresDays?: number;
  /** Date on which it deletes all current objects: `2026-11-22`. */
  readonly expiresOn?: string;
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
    const lock = await read<{ readonly isOn: boolean; readonly byDefault?: Lock | undefined }>(
      's3:GetBucketObjectLockConfiguration',
      'ObjectLockConfigurationNotFoundError',
      async () => {
        const { ObjectLockConfiguration } = await client.send(new sdk.GetObjectLockConfigurationCommand({ Bucket }), {
          abortSignal,
        });
        const { ObjectLockEnabled, Rule } = ObjectLockConfiguration ?? {};
        return { isOn: ObjectLockEnabled === 'Enabled', byDefault: defaultLockOf(Rule?.DefaultRetention) };
      },
      { isOn: false },
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
      objectLock: lock?.isOn,
      ...(lock?.byDefault !== undefined && { defaultLock: lock.byDefault }),
      lifecycle: enabled?.map(ruleOf),
      refused,
    };
  } finally {
    client.destroy();
  }
}

function defaultLockOf({ Mode, Days = 0, Years = 0 }: DefaultRetention = {}): Lock | undefined {
  if (Mode === undefined) return undefined;
  return { mode: Mode === 'COMPLIANCE' ? 'compliance' : 'governance', days: Days + Years * 365 };
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
  const { And = {} } = Filter ?? {};
  const sizes = (filter: LifecycleRuleFilter = {}) => [filter.ObjectSizeGreaterThan, filter.ObjectSizeLessThan];
  const noncurrentDays = NoncurrentVersionExpiration?.NoncurrentDays;
  const archive = Transitions.find(({ StorageClass = '' }) => ARCHIVES.has(StorageClass))?.StorageClass;
  return {
    name: ID,
    prefix: Filter?.Prefix ?? And.Prefix ?? Prefix ?? '',
    isFiltered: [Filter?.Tag, ...sizes(Filter), And.Tags, ...sizes(And)].some((limit) => limit !== undefined),
    ...(Days !== undefined && { expiresDays: Days }),
    ...(date !== undefined && { expiresOn: date.toISOString().slice(0, 10) }),
    ...(noncurrentDays !== undefined && { noncurrentDays }),
    ...(archive !== undefined && { archive }),
  };
}
