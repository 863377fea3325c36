import { UsageError } from '../../../config/errors.ts';
import { prune } from '../../../lib/operations/prune/prune-bucket.ts';
import type { Invocation } from '../run/invocation.ts';
import { placeOf, purgeRulesOf, selectOf } from '../run/operation-options.ts';
import { selectedBy } from '../run/partial-run.ts';
import { runRecorded } from '../run/recorded-run.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config } = invocation;
  // Before a record is kept: on this host it would be its last prune.
  if (config.deletes === 'never')
    throw new UsageError("Cannot prune: 'deletes' is never here: run prune where deletes are allowed");
  const { machine: _, adopt: __, ...rules } = await purgeRulesOf(invocation);
  const partial = selectedBy(invocation).length > 0;
  return runRecorded(invocation, 'prune', (store, run) =>
    prune(store, {
      ...run,
      ...selectOf(config),
      ...placeOf(config),
      ...rules,
      journalKeep: config.journalKeep,
      partial,
      dryRun: config.noop,
    }),
  );
}
