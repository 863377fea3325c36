import { purge } from '../../lib/operations/purge/purge.ts';
import type { Invocation } from '../invocation.ts';
import { bucketMemoryOf, placeOf, purgeRulesOf, selectOf, treeOf } from '../operationoptions.ts';
import { runRecorded } from '../recordedrun.ts';

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
