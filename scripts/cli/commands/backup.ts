import { backup } from '../../../lib/operations/backup/backup.ts';
import type { Invocation } from '../run/invocation.ts';
import { memoryFile } from '../run/memory-file.ts';
import {
  bucketMemoryOf,
  loadOf,
  placeOf,
  purgeRulesOf,
  selectOf,
  treeOf,
  writtenAlgorithmOf,
} from '../run/operation-options.ts';
import { runRecorded } from '../run/recorded-run.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, option } = invocation;
  const rules = await purgeRulesOf(invocation);
  const algorithm = writtenAlgorithmOf(config);
  const memory = await bucketMemoryOf(invocation);
  return runRecorded(invocation, 'backup', (store, run) =>
    backup(store, {
      ...run,
      ...selectOf(config),
      ...placeOf(config),
      ...treeOf(config),
      ...loadOf(config),
      ...rules,
      ...memory,
      create: option('create') === 'true',
      layout: config.layout,
      algorithm,
      gzipEngine: config.gzipEngine,
      ...(config.gzipLevel !== undefined && { gzipLevel: config.gzipLevel }),
      ...(!config.noCache && { statCache: { file: memoryFile(config, 'stat'), rehash: option('rehash') === 'true' } }),
      includeDamaged: config.includeDamaged,
      dryRun: config.noop,
    }),
  );
}
