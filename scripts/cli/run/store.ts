import type { Config } from '../../../config/schema.ts';
import { storeSpec } from '../../../config/storage/storage.ts';
import { reasonOf } from '../../../lib/common/errors.ts';
import type { Summary } from '../../../lib/common/summary.ts';
import type { Outage } from '../../../lib/store/decorators/outage.ts';
import { completeSpec, createStore, type StoreSpec } from '../../../lib/store/spec.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { createTraffic, type Traffic, trafficOf } from '../../../lib/store/traffic.ts';
import type { Log } from '../io/log.ts';
import type { Invocation } from './invocation.ts';
import { dateOf } from './operation-options.ts';

export interface StoreContext {
  readonly config: Config;
  readonly log: Log;
  readonly outage: Outage;
  /** @default no options */
  readonly option?: Invocation['option'];
}

/** What comes with the store. */
export interface Lent {
  /** From which threads build their own store. */
  readonly threadStore: StoreSpec;
  /** Counts the requests to it, including those of threads. */
  readonly traffic: Traffic;
}

/**
 * Creates the configured store, as it was at `--as-of`, runs a task with it, and closes it. The task opens it.
 *
 * @throws UsageError if the storage or an argument is unknown; errors of the task.
 */
export async function withStore<T>(
  { config, log, outage, option = () => undefined }: StoreContext,
  task: (store: ObjectStore, lent: Lent) => Promise<T>,
): Promise<T> {
  const traffic = createTraffic();
  const asOf = dateOf({ option }, 'asOf');
  const spec = { ...(await completeSpec(await storeSpec(config, asOf))), outage, traffic };
  const store = await createStore(spec, (warning) => log.warn(warning));
  if (asOf) log.info(`Reading ${store.name}: objects that were stored later are ignored, deleted ones are still there`);
  try {
    return await task(store, { threadStore: spec, traffic });
  } finally {
    // The task has finished, and all stored data is durable.
    await store.close().catch((error) => log.warn(`Cannot close ${store.name}: ${reasonOf(error)}`));
  }
}

/** Adds the requests to the store to the summary. */
export function withTraffic(summary: Summary, traffic: Traffic): Summary {
  return { ...summary, counts: { ...summary.counts, ...trafficOf(traffic) } };
}

/** Seconds to retry for a person who waits for a report on the store. */
const BRIEF_SECONDS = 5;

/** Returns a configuration with which a store that does not answer is soon given up. */
export function briefly(config: Config): Config {
  return { ...config, retryFor: Math.min(config.retryFor, BRIEF_SECONDS) };
}
