import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { bucketName } from './bucket-name.ts';
import type { Invocation } from './invocation.ts';

/** Lists the options that select other metrics than the configuration. */
export function selectedBy({ config, configured }: Pick<Invocation, 'config' | 'configured'>): readonly string[] {
  return (['metrics', 'exclude'] as const)
    .filter((key) => !isDeepStrictEqual(config[key], configured[key]))
    .map((key) => `--${key}`);
}

/**
 * Lists the options that make a run differ from this host's configured backup: a selection of metrics or, if a storage
 * is configured, another bucket or tree. Only a full backup counts as a success of the host.
 *
 * @returns option names such as `--metrics`; empty for a full backup.
 */
export async function partialBy({
  config,
  configured,
}: Pick<Invocation, 'config' | 'configured'>): Promise<readonly string[]> {
  const { storage, storageArgs = [], bucket = '', storagePath = '', storagePathRaw, prefix = '' } = configured;
  const selected = selectedBy({ config, configured });
  if (storage === undefined) return selected;
  const usual = await bucketName({ storage, storageArgs, bucket, storagePath, storagePathRaw }).catch(() => undefined);
  return [
    ...selected,
    ...(usual === (await bucketName(config)) ? [] : ['--bucket']),
    ...(resolve(prefix) === resolve(config.prefix) ? [] : ['--prefix']),
  ];
}

/** Lists the options because of which a run of a command is partial. A prune may be one of any bucket. */
export async function partialFor(
  command: string,
  invocation: Pick<Invocation, 'config' | 'configured'>,
): Promise<readonly string[]> {
  if (command === 'backup' || command === 'journal') return partialBy(invocation);
  return command === 'prune' ? selectedBy(invocation) : [];
}
