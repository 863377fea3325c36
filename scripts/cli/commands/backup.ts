import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Config } from '../../../config/schema.ts';
import { backup } from '../../../lib/operations/backup/backup.ts';
import type { Invocation } from '../run/invocation.ts';
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
      ...(!config.noCache && { statCache: { file: cacheFile(config), rehash: option('rehash') === 'true' } }),
      includeDamaged: config.includeDamaged,
      dryRun: config.noop,
    }),
  );
}

/** One stat cache per tree, shared by all buckets. */
function cacheFile({ cacheDir, prefix }: Config): string {
  const name = createHash('sha1').update(resolve(prefix)).digest('hex').slice(0, 16);
  return join(cacheDir, `${name}.stat`);
}
