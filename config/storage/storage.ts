import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { reasonOf } from '../../lib/common/errors.ts';
import type { Summary } from '../../lib/common/summary.ts';
import { retryText } from '../../lib/store/decorators/retry.ts';
import { createStore, type Place, type StoreSpec } from '../../lib/store/spec.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { createTraffic, type Traffic, trafficOf } from '../../lib/store/traffic.ts';
import type { Log } from '../../scripts/cli/io/log.ts';
import type { Credentials } from '../credentials.ts';
import { suggestion } from '../nearest.ts';
import type { Config } from '../schema.ts';
import { UsageError } from '../usage.ts';

const storages = ['disk', 's3', 'swift', 'noop'] as const;

type Storage = (typeof storages)[number];

/**
 * Makes sure that a storage is known and can be used.
 *
 * @throws UsageError with the nearest right name.
 */
export function checkStorage(name: string | undefined, args: readonly string[] = []): Storage {
  if (name === undefined) {
    throw new UsageError(`No storage: name one behind the command, or in the configuration (${storages.join(', ')})`);
  }
  if (name === 'gcs') throw new UsageError("No storage 'gcs': use s3 with endpoint=https://storage.googleapis.com");
  const found = storages.find((storage) => storage === name);
  if (found !== undefined) return found;
  if (args.some((word) => storages.some((storage) => storage === word))) {
    throw new UsageError(
      `No storage '${name}': it stands before the storage; put what belongs to one option in quotes, as in -m 'servers.*'`,
    );
  }
  throw new UsageError(`No storage '${name}'${suggestion(name, storages)}`);
}

export interface StoreContext {
  readonly config: Config;
  readonly log: Log;
}

/** What is lent with a store. */
export interface Lent {
  /** How threads can build the same for themselves. */
  readonly threads: { readonly threadStore?: StoreSpec };
  /** What is sent to it, by those threads too. */
  readonly traffic: Traffic;
}

/**
 * Lends the store that the configuration names to a task, which opens it, and closes it afterwards.
 *
 * @throws UsageError for an unknown storage or argument; what the task throws.
 */
export async function withStore<T>(
  { config, log }: StoreContext,
  task: (store: ObjectStore, lent: Lent) => Promise<T>,
): Promise<T> {
  const traffic = createTraffic();
  const spec = { ...(await storeSpec(config)), traffic };
  const store = await createStore(spec, (retry) => log.warn(retryText(retry)));
  try {
    // A bandwidth is kept to in one place, which all bodies pass.
    return await task(store, { threads: spec.bandwidth ? {} : { threadStore: spec }, traffic });
  } finally {
    // The task has its result: all that was stored is flushed.
    await store.close().catch((error) => log.warn(`Cannot close ${store.name}: ${reasonOf(error)}`));
  }
}

/** The summary with what was sent to the store meanwhile. */
export function withTraffic(summary: Summary, traffic: Traffic): Summary {
  return { ...summary, counts: { ...summary.counts, ...trafficOf(traffic) } };
}

/**
 * How long a call over the network may take, in seconds. The stores there find out sooner about connections that stall;
 * a large body may take this long on a line that many share.
 */
const REMOTE_DEADLINE = 600;

async function storeSpec(config: Config): Promise<StoreSpec> {
  const { storage, processes, bandwidth, noop } = config;
  return {
    place: await placeOfStore(config),
    // At least so many calls at once: the network is slower than any processor.
    concurrency: Math.max(16, processes * 4),
    ...(storage !== 'disk' && { deadline: REMOTE_DEADLINE }),
    bandwidth,
    dryRun: noop,
  };
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
    return { kind, options: s3OptionsOf(config.bucket, given, await credentialsOf(config)) };
  }
  if (kind === 'swift') {
    const { swiftArguments, swiftOptionsOf } = await import('./swift.ts');
    const given = readArguments(kind, config.storageArgs, swiftArguments);
    return { kind, options: await swiftOptionsOf(config, given, await credentialsOf(config)) };
  }
  const { path } = readArguments(kind, config.storageArgs, ['path']);
  return { kind, options: { path: diskPath(config.bucket, path) } };
}

async function credentialsOf({ credentials }: Config): Promise<Credentials> {
  if (credentials === undefined) return {};
  return (await import('../credentials.ts')).readCredentials(credentials);
}

/** The bucket is a directory below `path`; without one it is a path itself. */
export function diskPath(bucket: string, path: string | undefined): string {
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
