import * as v from 'valibot';
import { ConfigError } from './errors.ts';
import { suggestion } from './nearest.ts';
import { formatValue } from './redact.ts';
import { type Config, isKey, keys, type Layer, schema } from './schema.ts';

const layerSchema = v.partial(schema);

/** Returns the name of a key as messages write it: `--storage-path`, `WHISPER_BACKUP_BUCKET`, or the quoted key. */
export type Spelling = (key: string) => string;

/**
 * Validates one layer: it must be a table with known keys and valid values.
 *
 * @param where names the layer in messages, such as the path of a file.
 * @throws ConfigError with the layer, the key and, for an unknown key, the nearest known one.
 */
export function checkLayer(layer: unknown, where: string, spell: Spelling = (key) => `'${key}'`): Layer {
  if (typeof layer !== 'object' || layer === null || Array.isArray(layer)) {
    throw new ConfigError(`Cannot use ${where}: it must be a table of keys and values`);
  }
  for (const name of Object.keys(layer)) {
    if (!isKey(name)) throw new ConfigError(`Cannot use ${where}: unknown key '${name}'${suggestion(name, keys)}`);
  }
  const result = v.safeParse(layerSchema, layer);
  if (!result.success) throw new ConfigError(`Cannot use ${where}: ${messageOf(result.issues[0], spell)}`);
  return result.output;
}

/**
 * Validates the merged configuration.
 *
 * @throws ConfigError if a key is missing or invalid, or two keys contradict each other.
 */
export function checkResult(config: unknown): Config {
  const result = v.safeParse(schema, config);
  if (!result.success) {
    throw new ConfigError(`Cannot use this configuration: ${messageOf(result.issues[0], (key) => `'${key}'`)}`);
  }
  const { storagePath, storagePathRaw } = result.output;
  if (storagePath !== '' && storagePathRaw !== undefined) {
    throw new ConfigError(
      `Cannot use both 'storagePath' and 'storagePathRaw': got "${storagePath}" and "${storagePathRaw}"`,
    );
  }
  return result.output;
}

function messageOf(issue: v.BaseIssue<unknown>, spell: Spelling): string {
  const [first, ...below] = issue.path ?? [];
  const key = String(first?.key ?? '');
  const where = below.map(({ key }) => (typeof key === 'number' ? `, entry ${key + 1}` : `, ${String(key)}`)).join('');
  return `${spell(key)}${where} ${issue.message}: got ${formatValue(key, issue.input)}`;
}
