import { availableParallelism } from 'node:os';
import { ConfigError, UsageError } from '../../../config/errors.ts';
import type { Config } from '../../../config/schema.ts';
import type { BucketMemory } from '../../../lib/bucket/vanished.ts';
import { parseDate } from '../../../lib/common/date.ts';
import { InvalidOptionError, reasonOf } from '../../../lib/common/errors.ts';
import type { PlaceOptions, PurgeRules, SelectOptions, TreeOptions } from '../../../lib/common/options.ts';
import { formatTimestamp } from '../../../lib/common/timestamp.ts';
import type { LoadOptions } from '../../../lib/workers/pool.ts';
import { thisMachine } from '../host/machine.ts';
import type { Invocation } from './invocation.ts';

// Converts configuration and command line to the options of the operations.

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

/** More threads than processors take memory and time to start, and are no faster: each has many files under way. */
export function loadOf({ processes, bytesInFlight }: Config): LoadOptions {
  return { processes: Math.min(processes, availableParallelism()), bytesInFlight };
}

/**
 * Returns the algorithm for new backups.
 *
 * @throws ConfigError for `sz`. Only commands that read accept it, because the Python tool needed it there.
 */
export function writtenAlgorithmOf({ algorithm }: Config): 'gz' | 'zst' {
  if (algorithm !== 'sz') return algorithm;
  throw new ConfigError('--algorithm must be gz or zst: sz is only supported for reading');
}

export async function purgeRulesOf({ config, option }: Invocation): Promise<PurgeRules> {
  return {
    retention: config.retention,
    keepWithin: config.keepWithin,
    keepDaily: config.keepDaily,
    keepWeekly: config.keepWeekly,
    keepMonthly: config.keepMonthly,
    keepYearly: config.keepYearly,
    policies: config.policies,
    purge: config.purge,
    purgeShare: config.purgeShare,
    force: option('force') === 'true',
    adopt: option('adopt') === 'true',
    machine: await thisMachine(),
  };
}

/** Returns the record of buckets that this host has backed up to; nothing for the storage `noop`. */
export async function bucketMemoryOf({ config, log }: Invocation): Promise<{ readonly bucketMemory?: BucketMemory }> {
  if (config.storage === 'noop') return {};
  const { knownBuckets } = await import('../host/known-buckets.ts');
  return { bucketMemory: knownBuckets(config.stateDir, log) };
}

/**
 * Returns the options of a command that reads the tree and stores what changed.
 *
 * @throws ConfigError for the algorithm `sz`.
 */
export async function storingOf(invocation: Invocation) {
  const { config } = invocation;
  return {
    ...selectOf(config),
    ...placeOf(config),
    ...treeOf(config),
    ...loadOf(config),
    ...(await bucketMemoryOf(invocation)),
    algorithm: writtenAlgorithmOf(config),
    gzipEngine: config.gzipEngine,
    ...(config.gzipLevel !== undefined && { gzipLevel: config.gzipLevel }),
    dryRun: config.noop,
  };
}

/**
 * Parses a date option. `now` counts as not set, except for `--as-of`.
 *
 * @throws InvalidOptionError if the date is invalid, or that of `--as-of` is not in the past.
 */
export function dateOf(
  { option }: Pick<Invocation, 'option'>,
  name: 'date' | 'since' | 'from' | 'until' | 'asOf',
): Date | undefined {
  const text = option(name);
  if (text === undefined || (text === 'now' && name !== 'asOf')) return undefined;
  try {
    const date = parseDate(text);
    if (name === 'asOf' && date.getTime() > Date.now()) {
      throw new InvalidOptionError(
        `${formatTimestamp(date)} is in the future: give a date at which the bucket was good`,
      );
    }
    return date;
  } catch (cause) {
    const flag = `--${name.replace(/[A-Z]/g, '-$&').toLowerCase()}`;
    throw new InvalidOptionError(`${flag}: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * Parses `--now`, a Unix time; fractions are dropped.
 *
 * @throws UsageError if it is not a number.
 */
export function parseEpoch(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,12}(\.\d*)?$/.test(text)) throw new UsageError(`--now must be a Unix time in seconds: got "${text}"`);
  return Math.floor(Number(text));
}
