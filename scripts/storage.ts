import { resolve } from 'node:path';
import { suggestion } from '../config/nearest.ts';
import type { Config } from '../config/schema.ts';
import type { ObjectStore } from '../lib/store/store.ts';
import type { Log } from './log.ts';
import { UsageError } from './usage.ts';

const storages = ['disk', 's3', 'swift', 'noop'];

/**
 * Makes sure that a storage is known and can be used.
 *
 * @throws UsageError with the nearest right name.
 */
export function checkStorage(name: string | undefined): string {
  if (name === undefined) {
    throw new UsageError(`No storage: name one behind the command, or in the configuration (${storages.join(', ')})`);
  }
  if (name === 'gcs') throw new UsageError("No storage 'gcs': use s3 with endpoint=https://storage.googleapis.com");
  if (!storages.includes(name)) throw new UsageError(`No storage '${name}'${suggestion(name, storages)}`);
  return name;
}

export interface StoreContext {
  readonly config: Config;
  readonly log: Log;
}

/**
 * Lends the store that the configuration names to a task, which opens it, and closes it afterwards.
 *
 * @throws UsageError for an unknown storage or argument; what the task throws.
 */
export async function withStore<T>(
  { config, log }: StoreContext,
  task: (store: ObjectStore) => Promise<T>,
): Promise<T> {
  const store = await createStore(config, log);
  try {
    return await task(store);
  } finally {
    await store.close();
  }
}

/**
 * Builds the store that the configuration names: calls have deadlines and are tried again, not too many are under way
 * at once, they keep to the bandwidth, and in a dry run none of them writes.
 *
 * @throws UsageError for an unknown storage or argument.
 */
async function createStore(config: Config, log: Log): Promise<ObjectStore> {
  const [plain, { withRetry }, { withLimit }, { withBandwidth }, { withDryRun }] = await Promise.all([
    plainStore(config),
    import('../lib/store/retry.ts'),
    import('../lib/store/limit.ts'),
    import('../lib/store/bandwidth.ts'),
    import('../lib/store/dryrun.ts'),
  ]);
  const retried = withRetry(plain, {
    ...(config.storage === 'disk' ? {} : { deadline: REMOTE_DEADLINE }),
    onRetry: ({ error, attempt, wait }) =>
      log.warn(`${error.message} (attempt ${attempt}; trying again in ${(wait / 1000).toFixed(1)} s)`),
  });
  const limited = withLimit(retried, { concurrency: concurrencyOf(config) });
  const slowed = config.bandwidth > 0 ? withBandwidth(limited, { bytesPerSecond: config.bandwidth }) : limited;
  // Outermost: what is not sent takes no bandwidth.
  return config.noop ? withDryRun(slowed) : slowed;
}

/**
 * How long a call over the network may take, in seconds. The stores there find out sooner about connections that stall;
 * a large body may take this long on a line that many share.
 */
const REMOTE_DEADLINE = 600;

/** How many calls a store has under way at once. */
function concurrencyOf({ processes }: Config): number {
  return Math.max(16, processes * 4);
}

async function plainStore(config: Config): Promise<ObjectStore> {
  const name = checkStorage(config.storage);
  if (name === 'noop') {
    readArguments(name, config.storageArgs, []);
    return (await import('../lib/store/noop.ts')).createNoopStore();
  }
  if (name === 's3') {
    const [{ createS3Store }, { s3Arguments, s3OptionsOf }] = await Promise.all([
      import('../lib/store/s3.ts'),
      import('./s3storage.ts'),
    ]);
    const options = s3OptionsOf(config.bucket, readArguments(name, config.storageArgs, s3Arguments));
    return createS3Store({ ...options, concurrency: concurrencyOf(config) });
  }
  if (name === 'swift') {
    const { createSwiftStorage, swiftArguments } = await import('./swiftstorage.ts');
    return createSwiftStorage(config, readArguments(name, config.storageArgs, swiftArguments));
  }
  const { path } = readArguments(name, config.storageArgs, ['path']);
  const { createDiskStore } = await import('../lib/store/disk.ts');
  return createDiskStore({ path: diskPath(config.bucket, path) });
}

/** The bucket is a directory below `path`; without one it is a path itself. */
function diskPath(bucket: string, path: string | undefined): string {
  if (path === undefined) return resolve(bucket);
  if (bucket === '..' || bucket === '.' || bucket.includes('/')) {
    throw new UsageError(
      `With a path, the bucket of the disk store must be the name of a directory in it: got "${bucket}"`,
    );
  }
  return resolve(path, bucket);
}

/**
 * Reads storage arguments, `name=value`, or in the order of the names without one.
 *
 * @throws UsageError for an argument that is unknown, given twice, or one too many.
 */
export function readArguments<const N extends string>(
  storage: string,
  given: readonly string[],
  names: readonly N[],
): Partial<Record<N, string>> {
  const values: Partial<Record<N, string>> = {};
  given.forEach((argument, index) => {
    const equals = argument.indexOf('=');
    const typed = equals > 0 && /^[\w-]+$/.test(argument.slice(0, equals)) ? argument.slice(0, equals) : undefined;
    const name = typed === undefined ? names[index] : names.find((one) => one === typed);
    // Its value may be a secret, so only its name or place is told.
    const what = typed === undefined ? `number ${index + 1}` : `'${typed}'`;
    if (name === undefined) {
      throw new UsageError(`Storage '${storage}' has no argument ${what}${typed ? suggestion(typed, names) : ''}`);
    }
    if (values[name] !== undefined) throw new UsageError(`Storage '${storage}' takes its argument '${name}' once`);
    const value = typed === undefined ? argument : argument.slice(equals + 1);
    if (value === '') throw new UsageError(`Storage '${storage}' needs a value for its argument '${name}'`);
    values[name] = value;
  });
  return values;
}
