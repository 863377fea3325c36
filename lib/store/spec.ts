import { type Bandwidth, withBandwidth } from './decorators/bandwidth.ts';
import { withDryRun } from './decorators/dry-run.ts';
import { withLimit } from './decorators/limit.ts';
import { withoutDeletes } from './decorators/no-deletes.ts';
import type { Outage } from './decorators/outage.ts';
import { limitOf, type Pace, withPace } from './decorators/pace.ts';
import { withRetry } from './decorators/retry.ts';
import type { DiskStoreOptions } from './drivers/disk/disk.ts';
import { createNoopStore } from './drivers/noop.ts';
import type { S3StoreOptions } from './drivers/s3/s3.ts';
import type { SwiftStoreOptions } from './drivers/swift/swift.ts';
import type { ObjectStore } from './store.ts';
import { countRequest, countRetry, type Traffic } from './traffic.ts';

/** A store with its decorators as plain data, so that each thread can create its own. */
export interface StoreSpec {
  readonly place: Place;
  /** Maximum number of concurrent calls of all threads. */
  readonly concurrency: number;
  /** Adapts the number of concurrent calls, which `concurrency` then only bounds. @default not adapted */
  readonly pace?: Pace;
  /** The part of the calls of all threads that this store may make. @default 1 */
  readonly share?: number;
  /** Seconds for one attempt of a call. @default see `withRetry` */
  readonly deadline?: number;
  /** Seconds to retry a call. @default see `withRetry` */
  readonly retryFor?: number;
  /** Whether the store answers, as all threads have seen it. @default each store sees for itself */
  readonly outage?: Outage;
  /** Limit for the bodies of all threads. @default no limit */
  readonly bandwidth?: Bandwidth;
  /** Write nothing. @default false */
  /** @default true */
  readonly mayDelete?: boolean;
  readonly dryRun?: boolean;
  /** Counts the requests and retries of all threads. @default not counted */
  readonly traffic?: Traffic;
}

export type Place =
  | { readonly kind: 'disk'; readonly options: DiskStoreOptions }
  | { readonly kind: 's3'; readonly options: S3StoreOptions }
  | { readonly kind: 'swift'; readonly options: SwiftStoreOptions }
  | { readonly kind: 'noop' };

/**
 * Creates a store with deadlines, retries, limits for concurrency and bandwidth, and dry run. Loads only the driver
 * that is needed.
 *
 * @param onWarning receives lines about failing requests, at most one a minute.
 * @throws InvalidOptionError if an option is invalid.
 */
export async function createStore(spec: StoreSpec, onWarning: (warning: string) => void): Promise<ObjectStore> {
  const { concurrency, deadline, outage, pace, retryFor, share = 1, traffic } = spec;
  const place = await createPlace(spec);
  const retrying = withRetry(pace ? withPace(place, pace, share) : place, {
    ...(deadline !== undefined && { deadline }),
    ...(retryFor !== undefined && { retryFor }),
    ...(outage && { outage }),
    ...(traffic && { onRetry: () => countRetry(traffic) }),
    onWarning,
  });
  const limit = pace ? () => Math.min(concurrency, Math.ceil(limitOf(pace) * share)) : concurrency;
  const limited = withLimit(retrying, { concurrency: limit });
  const throttled = spec.bandwidth ? withBandwidth(limited, spec.bandwidth) : limited;
  // Outermost, so that a dry run uses no bandwidth for writes.
  const kept = spec.mayDelete === false ? withoutDeletes(throttled) : throttled;
  return spec.dryRun ? withDryRun(kept) : kept;
}

async function createPlace({ place, concurrency, traffic }: StoreSpec): Promise<ObjectStore> {
  const counted = traffic ? { onRequest: () => countRequest(traffic) } : {};
  switch (place.kind) {
    case 'disk':
      return (await import('./drivers/disk/disk.ts')).createDiskStore(place.options);
    case 's3':
      return (await import('./drivers/s3/s3.ts')).createS3Store({ ...place.options, concurrency, ...counted });
    case 'swift':
      return (await import('./drivers/swift/swift.ts')).createSwiftStore({ ...place.options, ...counted });
    case 'noop':
      return createNoopStore();
  }
}

/** Adds to the spec what would take long to find in each thread. */
export async function completeSpec(spec: StoreSpec): Promise<StoreSpec> {
  const { place } = spec;
  if (place.kind !== 's3') return spec;
  const { withRegion } = await import('./drivers/s3/region.ts');
  return { ...spec, place: { ...place, options: await withRegion(place.options) } };
}

/** Returns the spec for one of several worker threads, with its share of the concurrency. Its disk calls may block. */
export function shareOf(spec: StoreSpec, threads: number): StoreSpec {
  const { place, concurrency } = spec;
  return {
    ...spec,
    ...(place.kind === 'disk' && { place: { ...place, options: { ...place.options, blocking: true } } }),
    concurrency: Math.max(1, Math.ceil(concurrency / threads)),
    share: 1 / threads,
  };
}
