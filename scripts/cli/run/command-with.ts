import type { Key } from '../../../config/schema.ts';
import type { Invocation } from './invocation.ts';

/** What selects the tree and the bucket. */
const PLACE = ['credentials', 'prefix', 'bucket', 'storagePath', 'storagePathRaw'] as const satisfies readonly Key[];

/**
 * Returns a command line, quoted for a shell, with other options for the same tree and bucket: what the command line gave
 * is repeated, but nothing from files or the environment, which still applies and may be secret.
 */
export function commandWith(
  { config, origins, options }: Pick<Invocation, 'config' | 'origins' | 'options'>,
  command: string,
  others: readonly string[],
): string {
  const isTyped = (key: Key) => (origins.get(key) ?? '').startsWith('--');
  const place = PLACE.filter(isTyped).flatMap((key) => [
    `--${key.replace(/[A-Z]/g, '-$&').toLowerCase()}`,
    String(config[key]),
  ]);
  const files = options('config').flatMap((file) => ['--config', file]);
  const storage = origins.get('storage') === 'command line' ? [config.storage ?? '', ...config.storageArgs] : [];
  return ['whisper-backup', ...files, ...place, ...others, command, ...storage].map(quote).join(' ');
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
