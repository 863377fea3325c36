import { UsageError } from '../../../config/errors.ts';
import { drill } from '../../../lib/operations/drill/drill.ts';
import { type Part, parsePart } from '../../../lib/operations/shared/part.ts';
import type { Invocation } from '../run/invocation.ts';
import { loadOf, placeOf, selectOf, treeOf } from '../run/operation-options.ts';
import { runCheck } from '../run/recorded-check.ts';
import { reportOn } from '../run/run.ts';
import { withStore } from '../run/store.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, option } = invocation;
  const scratch = option('scratch');
  if (scratch === undefined) throw new UsageError('drill needs --scratch: give an empty directory outside the tree');
  const sample = option('sample');
  const part = sample === undefined ? undefined : parsePart(sample, 'Cannot drill: --sample');
  const drilled = () =>
    reportOn(invocation, (run) =>
      withStore(invocation, async (store, { threadStore }) => {
        const drillOf = (chosen: { readonly part?: Part }) =>
          drill(store, {
            ...run,
            ...selectOf(config),
            ...placeOf(config),
            ...treeOf(config),
            ...loadOf(config),
            threadStore,
            scratch,
            ...chosen,
            includeDamaged: config.includeDamaged,
            journal: !config.noJournal,
            keep: option('keep') === 'true',
            dryRun: config.noop,
          });
        const summary = await drillOf(part ? { part } : {});
        // With few metrics, the part of the day may be empty.
        const isEmpty = sample?.startsWith('today/') === true && summary.stopped?.code === 'NOTHING_MATCHED';
        return isEmpty ? drillOf({}) : summary;
      }),
    );
  return runCheck(invocation, { name: 'drill', ...(part && { part }) }, drilled);
}
