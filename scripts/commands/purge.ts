import { purge } from '../../lib/purge.ts';
import type { Invocation } from '../invocation.ts';
import { placeOf, purgeRulesOf, selectOf, treeOf } from '../operationoptions.ts';
import { runOperation } from '../run.ts';
import { runOnStore } from '../storage.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, log } = invocation;
  const rules = await purgeRulesOf(invocation);
  return runOperation(invocation, (run) =>
    runOnStore({ config, log }, (store) =>
      purge(store, {
        ...run,
        ...selectOf(config),
        ...placeOf(config),
        ...treeOf(config),
        ...rules,
        dryRun: config.noop,
      }),
    ),
  );
}
