import { backup } from '../../../lib/operations/backup/backup.ts';
import type { Invocation } from '../run/invocation.ts';
import { memoryFile } from '../run/memory-file.ts';
import { purgeRulesOf, storingOf } from '../run/operation-options.ts';
import { runRecorded } from '../run/recorded-run.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, option } = invocation;
  const rules = await purgeRulesOf(invocation);
  const storing = await storingOf(invocation);
  return runRecorded(invocation, 'backup', (store, run) =>
    backup(store, {
      ...run,
      ...storing,
      ...rules,
      create: option('create') === 'true',
      layout: config.layout,
      ...(!config.noCache && { statCache: { file: memoryFile(config, 'stat'), rehash: option('rehash') === 'true' } }),
      includeDamaged: config.includeDamaged,
    }),
  );
}
