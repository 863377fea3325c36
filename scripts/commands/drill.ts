import { drill } from '../../lib/drill.ts';
import { parsePart } from '../../lib/verify/part.ts';
import type { Invocation } from '../invocation.ts';
import { loadOf, placeOf, selectOf, treeOf } from '../operationoptions.ts';
import { reportOn } from '../run.ts';
import { withStore } from '../storage.ts';
import { UsageError } from '../usage.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, log, option } = invocation;
  const scratch = option('scratch');
  if (scratch === undefined) throw new UsageError('drill needs --scratch: an empty directory outside the tree');
  const sample = option('sample');
  const part = sample === undefined ? undefined : parsePart(sample, 'Cannot drill: --sample');
  return reportOn(invocation, (run) =>
    withStore({ config, log }, (store, { threads }) =>
      drill(store, {
        ...run,
        ...selectOf(config),
        ...placeOf(config),
        ...treeOf(config),
        ...loadOf(config),
        ...threads,
        scratch,
        ...(part && { part }),
        includeDamaged: config.includeDamaged,
        keep: option('keep') === 'true',
        dryRun: config.noop,
      }),
    ),
  );
}
