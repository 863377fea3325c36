import { prune } from '../../../lib/operations/prune/prune-bucket.ts';
import type { Invocation } from '../run/invocation.ts';
import { placeOf, purgeRulesOf, selectOf } from '../run/operation-options.ts';
import { runRecorded } from '../run/recorded-run.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config } = invocation;
  const { machine: _, adopt: __, ...rules } = await purgeRulesOf(invocation);
  return runRecorded(invocation, 'prune', (store, run) =>
    prune(store, { ...run, ...selectOf(config), ...placeOf(config), ...rules, dryRun: config.noop }),
  );
}
