import * as v from 'valibot';
import { ConfigError } from './errors.ts';
import { suggestion } from './nearest.ts';
import { shown } from './redact.ts';
import { type Config, isKey, keys, type Layer, schema } from './schema.ts';

const layerSchema = v.partial(schema);

/** How a layer spells a key, for messages: `--storage-path`, `WHISPER_BACKUP_BUCKET`, or the key itself in quotes. */
export type Spelling = (key: string) => string;

/**
 * Checks what one layer says: that it is a table, that it has no unknown key, and that every value is in order.
 *
 * @param where names the layer, e.g. the path of a file.
 * @throws ConfigError naming the layer, the key, and for an unknown key the nearest right one.
 */
export function checkLayer(layer: unknown, where: string, spell: Spelling = (key) => `'${key}'`): Layer {
  if (typeof layer !== 'object' || layer === null || Array.isArray(layer)) {
    throw new ConfigError(`Cannot use ${where}: it must hold keys and values`);
  }
  for (const name of Object.keys(layer)) {
    if (!isKey(name)) throw new ConfigError(`Cannot use ${where}: unknown key '${name}'${suggestion(name, keys)}`);
  }
  const result = v.safeParse(layerSchema, layer);
  if (!result.success) throw new ConfigError(`Cannot use ${where}: ${messageOf(result.issues[0], spell)}`);
  return result.output;
}

/** Checks the configuration that all layers together make. */
export function checkResult(config: unknown): Config {
  const result = v.safeParse(schema, config);
  if (!result.success) {
    throw new ConfigError(`Cannot use this configuration: ${messageOf(result.issues[0], (key) => `'${key}'`)}`);
  }
  const { storagePath, storagePathRaw } = result.output;
  if (storagePath !== '' && storagePathRaw !== undefined) {
    throw new ConfigError(
      `Cannot use 'storagePath' and 'storagePathRaw' together: got "${storagePath}" and "${storagePathRaw}"`,
    );
  }
  return result.output;
}

function messageOf(issue: v.BaseIssue<unknown>, spell: Spelling): string {
  const key = String(issue.path?.[0]?.key ?? '');
  return `${spell(key)} ${issue.message}: got ${shown(key, issue.input)}`;
}
