import { type Bandwidth, withBandwidth } from './decorators/bandwidth.ts';
import { withDryRun } from './decorators/dry-run.ts';
import { withLimit } from './decorators/limit.ts';
import { type Retry, withRetry } from './decorators/retry.ts';
import type { DiskStoreOptions } from './drivers/disk/disk.ts';
import { createNoopStore } from './drivers/noop.ts';
import type { S3StoreOptions } from './drivers/s3/s3.ts';
import type { SwiftStoreOptions } from './drivers/swift/swift.ts';
import type { ObjectStore } from './store.ts';
import { countRequest, countRetry, type Traffic } from './traffic.ts';

/** A store and what is put around it, as plain data: so that each thread can build one of its own. */
export interface StoreSpec {
  readonly place: Place;
  /** Calls under way at once, over all threads. */
  readonly concurrency: number;
  /** How long one attempt of a call may take, in seconds. @default see `withRetry` */
  readonly deadline?: number;
  /** Bytes of bodies a second, over all threads. @default no limit */
  readonly bandwidth?: Bandwidth;
  /** Write nothing. @default false */
  readonly dryRun?: boolean;
  /** Where requests and retries are counted, those of every thread. @default nowhere */
  readonly traffic?: Traffic;
}

export type Place =
  | { readonly kind: 'disk'; readonly options: DiskStoreOptions }
  | { readonly kind: 's3'; readonly options: S3StoreOptions }
  | { readonly kind: 'swift'; readonly options: SwiftStoreOptions }
  | { readonly kind: 'noop' };

/**
 * Builds a store: calls have deadlines and are tried again, not too many are under way at once, they keep to the
 * bandwidth, and in a dry run none of them writes. Of the places only the one asked for is loaded.
 *
 * @throws InvalidOptionError for options that make no sense.
 */
export async function createStore(spec: StoreSpec, onRetry: (retry: Retry) => void): Promise<ObjectStore> {
  const { deadline, traffic } = spec;
  const retried = withRetry(await createPlace(spec), {
    ...(deadline !== undefined && { deadline }),
    onRetry(retry) {
      if (traffic) countRetry(traffic);
      onRetry(retry);
    },
  });
  const limited = withLimit(retried, { concurrency: spec.concurrency });
  const slowed = spec.bandwidth ? withBandwidth(limited, spec.bandwidth) : limited;
  // Outermost: what is not sent takes no bandwidth.
  return spec.dryRun ? withDryRun(slowed) : slowed;
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

/** One worker thread's share of what all may do together. It may wait for a disk: there a thread is for that. */
export function shareOf(spec: StoreSpec, threads: number): StoreSpec {
  const { place, concurrency } = spec;
  return {
    ...spec,
    ...(place.kind === 'disk' && { place: { ...place, options: { ...place.options, blocking: true } } }),
    concurrency: Math.max(1, Math.ceil(concurrency / threads)),
  };
}
