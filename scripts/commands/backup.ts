import { backup } from '../../lib/backup.ts';
import type { Invocation } from '../invocation.ts';
import { loadOf, placeOf, purgeRulesOf, selectOf, treeOf } from '../operationoptions.ts';
import { runOperation } from '../run.ts';
import { withStore } from '../storage.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, log } = invocation;
  const rules = await purgeRulesOf(invocation);
  return runOperation(invocation, (run) =>
    withStore({ config, log }, (store) =>
      backup(store, {
        ...run,
        ...selectOf(config),
        ...placeOf(config),
        ...treeOf(config),
        ...loadOf(config),
        ...rules,
        layout: config.layout,
        algorithm: config.algorithm,
        gzipEngine: config.gzipEngine,
        ...(config.gzipLevel !== undefined && { gzipLevel: config.gzipLevel }),
        includeDamaged: config.includeDamaged,
        dryRun: config.noop,
      }),
    ),
  );
}
