import { purge } from '../../../lib/operations/purge/purge.ts';
import type { Invocation } from '../run/invocation.ts';
import { bucketMemoryOf, placeOf, purgeRulesOf, selectOf, treeOf } from '../run/operation-options.ts';
import { runRecorded } from '../run/recorded-run.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config } = invocation;
  const rules = await purgeRulesOf(invocation);
  const memory = await bucketMemoryOf(invocation);
  return runRecorded(invocation, 'purge', (store, run) =>
    purge(store, {
      ...run,
      ...selectOf(config),
      ...placeOf(config),
      ...treeOf(config),
      ...rules,
      ...memory,
      dryRun: config.noop,
    }),
  );
}
