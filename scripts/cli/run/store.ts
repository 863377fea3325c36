import type { Config } from '../../../config/schema.ts';
import { storeSpec } from '../../../config/storage/storage.ts';
import { reasonOf } from '../../../lib/common/errors.ts';
import type { Summary } from '../../../lib/common/summary.ts';
import { retryText } from '../../../lib/store/decorators/retry.ts';
import { createStore, type StoreSpec } from '../../../lib/store/spec.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { createTraffic, type Traffic, trafficOf } from '../../../lib/store/traffic.ts';
import type { Log } from '../io/log.ts';

export interface StoreContext {
  readonly config: Config;
  readonly log: Log;
}

/** What is lent with a store. */
export interface Lent {
  /** How threads build the same store. */
  readonly threadStore: StoreSpec;
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
    return await task(store, { threadStore: spec, traffic });
  } finally {
    // The task has its result: all that was stored is flushed.
    await store.close().catch((error) => log.warn(`Cannot close ${store.name}: ${reasonOf(error)}`));
  }
}

/** The summary with what was sent to the store meanwhile. */
export function withTraffic(summary: Summary, traffic: Traffic): Summary {
  return { ...summary, counts: { ...summary.counts, ...trafficOf(traffic) } };
}
