import { ConfigError, UsageError } from '../../../config/errors.ts';
import type { Config } from '../../../config/schema.ts';
import type { BucketMemory } from '../../../lib/bucket/vanished.ts';
import { parseDate } from '../../../lib/common/date.ts';
import type { PlaceOptions, PurgeRules, SelectOptions, TreeOptions } from '../../../lib/common/options.ts';
import type { LoadOptions } from '../../../lib/workers/pool.ts';
import { thisMachine } from '../host/machine.ts';
import type { Invocation } from './invocation.ts';

/** The configuration and the command line, as the operations take them. */

export function selectOf({ metrics, exclude }: Config): SelectOptions {
  return { metrics, exclude };
}

export function placeOf({ storagePath, storagePathRaw }: Pick<Config, 'storagePath' | 'storagePathRaw'>): PlaceOptions {
  return { storagePath, ...(storagePathRaw !== undefined && { storagePathRaw }) };
}

export function lockOf({ noFlock, fileLockTimeout }: Config): { flock: boolean; fileLockTimeout: number } {
  return { flock: !noFlock, fileLockTimeout };
}

export function treeOf(config: Config): TreeOptions {
  return { prefix: config.prefix, ...lockOf(config) };
}

export function loadOf({ processes, bytesInFlight }: Config): LoadOptions {
  return { processes, bytesInFlight };
}

/**
 * What backups are compressed with.
 *
 * @throws ConfigError for `sz`, which commands that read take, since the Python tool had to be told what it reads.
 */
export function writtenAlgorithmOf({ algorithm }: Config): 'gz' | 'zst' {
  if (algorithm !== 'sz') return algorithm;
  throw new ConfigError('--algorithm can be gz or zst: sz backups are read only, none are written');
}

export async function purgeRulesOf({ config, option }: Invocation): Promise<PurgeRules> {
  return {
    retention: config.retention,
    keepWithin: config.keepWithin,
    purge: config.purge,
    purgeShare: config.purgeShare,
    force: option('force') === 'true',
    adopt: option('adopt') === 'true',
    machine: await thisMachine(),
  };
}

/** Where this host remembers the buckets that it has backed up to. The storage that holds nothing is none. */
export async function bucketMemoryOf({ config, log }: Invocation): Promise<{ readonly bucketMemory?: BucketMemory }> {
  if (config.storage === 'noop') return {};
  const { knownBuckets } = await import('../host/known-buckets.ts');
  return { bucketMemory: knownBuckets(config.stateDir, log) };
}

/**
 * Reads an option that is a date; `now` is the same as none.
 *
 * @throws InvalidOptionError
 */
export function dateOf({ option }: Invocation, name: 'date' | 'since'): Date | undefined {
  const text = option(name);
  return text === undefined || text === 'now' ? undefined : parseDate(text);
}

/**
 * Reads `--now`: seconds since 1970; a fraction is cut off.
 *
 * @throws UsageError
 */
export function parseEpoch(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,12}(\.\d*)?$/.test(text)) throw new UsageError(`--now must be seconds since 1970: got "${text}"`);
  return Math.floor(Number(text));
}
