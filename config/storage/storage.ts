import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { createBandwidth } from '../../lib/store/decorators/bandwidth.ts';
import { createPace } from '../../lib/store/decorators/pace.ts';
import type { Place, StoreSpec } from '../../lib/store/spec.ts';
import type { Credentials } from '../credentials.ts';
import { UsageError } from '../errors.ts';
import { suggestion } from '../nearest.ts';
import type { Config } from '../schema.ts';
import { readArguments } from './arguments.ts';

const storages = ['disk', 's3', 'swift', 'noop'] as const;

type Storage = (typeof storages)[number];

export function isStorage(name: string): name is Storage {
  return storages.some((storage) => storage === name);
}

/**
 * Checks that a storage is supported.
 *
 * @throws UsageError with the nearest supported name.
 */
export function checkStorage(name: string | undefined, args: readonly string[] = []): Storage {
  if (name === undefined) {
    throw new UsageError(`No storage: give one after the command, or in the configuration (${storages.join(', ')})`);
  }
  if (name === 'gcs') throw new UsageError("No storage 'gcs': use s3 with endpoint=https://storage.googleapis.com");
  if (isStorage(name)) return name;
  if (args.some(isStorage)) {
    throw new UsageError(
      `No storage '${name}': it is before the storage; quote values with wildcards or spaces, as in -m 'servers.*'`,
    );
  }
  throw new UsageError(`No storage '${name}'${suggestion(name, storages) || `; use one of ${storages.join(', ')}`}`);
}

/**
 * Timeout of a network call in seconds. Stores detect stalled connections earlier; a large body may take this long on a shared
 * line.
 */
const REMOTE_DEADLINE = 600;

/**
 * Returns the configured store as plain data.
 *
 * @param asOf read the bucket as it was at this moment.
 * @throws UsageError if the storage or an argument is unknown, or the storage keeps no versions for `asOf`.
 */
export async function storeSpec(config: Config, asOf?: Date): Promise<StoreSpec> {
  const { storage, bandwidth, retryFor, noop, deletes } = config;
  const place = await placeOfStore(config);
  return {
    place: asOf === undefined ? place : placeAsOf(place, asOf),
    ...concurrencyOf(config),
    ...(storage !== 'disk' && { deadline: REMOTE_DEADLINE }),
    retryFor,
    ...(bandwidth > 0 && { bandwidth: createBandwidth(bandwidth) }),
    mayDelete: deletes !== 'never',
    dryRun: noop,
  };
}

/** At least 16 concurrent calls, because the network is slower than the processors; more to a store that is far away. */
function concurrencyOf({ storage, processes }: Config): Pick<StoreSpec, 'concurrency' | 'pace'> {
  const start = Math.max(16, processes * 4);
  if (storage === 'disk') return { concurrency: start };
  const most = 4 * start;
  return { concurrency: most, pace: createPace({ least: 4, start, most }) };
}

async function placeOfStore(config: Config): Promise<Place> {
  const kind = checkStorage(config.storage, config.storageArgs);
  if (kind === 'noop') {
    readArguments(kind, config.storageArgs, []);
    return { kind };
  }
  if (kind === 's3') {
    const { s3Arguments, s3OptionsOf } = await import('./s3.ts');
    const given = readArguments(kind, config.storageArgs, s3Arguments);
    if (given.profile !== undefined) {
      const { checkProfile } = await import('./aws-profile.ts');
      await checkProfile(given.profile, { environment: process.env, home: homedir() });
    }
    return { kind, options: s3OptionsOf(config.bucket, given, await credentialsOf(config), process.env) };
  }
  if (kind === 'swift') {
    const { swiftArguments, swiftOptionsOf } = await import('./swift.ts');
    const given = readArguments(kind, config.storageArgs, swiftArguments);
    return { kind, options: await swiftOptionsOf(config, given, await credentialsOf(config)) };
  }
  const { path } = readArguments(kind, config.storageArgs, ['path']);
  return { kind, options: { path: diskPath(config.bucket, path) } };
}

function placeAsOf(place: Place, asOf: Date): Place {
  if (place.kind === 's3') return { ...place, options: { ...place.options, asOf } };
  if (place.kind === 'swift') return { ...place, options: { ...place.options, asOf } };
  const remedy = '--date restores from the backups that are still there';
  throw new UsageError(
    `--as-of needs versions, which the storage '${place.kind}' does not keep, only s3 and swift: ${remedy}`,
  );
}

async function credentialsOf({ credentials }: Config): Promise<Credentials> {
  if (credentials === undefined) return {};
  return (await import('../credentials.ts')).readCredentials(credentials);
}

/** Returns the path of the bucket: a directory in `path`, or, without `path`, the bucket itself. */
export function diskPath(bucket: string, path: string | undefined): string {
  if (path === undefined) return resolve(bucket);
  if (bucket === '..' || bucket === '.' || bucket.includes('/')) {
    throw new UsageError(
      `With a path, the bucket of the disk store must be the name of a directory in that path: got "${bucket}"`,
    );
  }
  return resolve(path, bucket);
}
