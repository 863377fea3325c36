import { prune } from '../../../lib/operations/prune/prune-bucket.ts';
import type { Invocation } from '../run/invocation.ts';
import { placeOf, purgeRulesOf, selectOf } from '../run/operation-options.ts';
import { reportOn } from '../run/run.ts';
import { withStore, withTraffic } from '../run/store.ts';

/** Writes no run record: those in the bucket are the host's, and its status depends on them. */
export async function run(invocation: Invocation): Promise<number> {
  const { config } = invocation;
  const { machine: _, adopt: __, ...rules } = await purgeRulesOf(invocation);
  return reportOn(invocation, (run) =>
    withStore(invocation, async (store, { traffic }) => {
      const options = { ...run, ...selectOf(config), ...placeOf(config), ...rules, dryRun: config.noop };
      return withTraffic(await prune(store, options), traffic);
    }),
  );
}
