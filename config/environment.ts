import { checkLayer } from './check.ts';
import { ConfigError } from './errors.ts';
import { suggestion } from './nearest.ts';
import { parseText } from './parse-text.ts';
import { type Key, keys, type Layer } from './schema.ts';

const START = 'WHISPER_BACKUP_';

/** Holds the paths of configuration files, separated by colons. */
export const FILES_VARIABLE = `${START}CONFIG`;

/** Returns the variable of a key: `WHISPER_BACKUP_STORAGE_PATH` for `storagePath`. */
export function variableOf(key: string): string {
  return START + key.replace(/[A-Z]/g, '_$&').toUpperCase();
}

const variables = new Map<string, Key>(keys.map((key) => [variableOf(key), key]));

/**
 * Reads the layer of the environment. An empty variable counts as not set; lists are separated by commas.
 *
 * @throws ConfigError if a `WHISPER_BACKUP_*` variable is unknown or has an invalid value.
 */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): Layer {
  const layer: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith(START) || name === FILES_VARIABLE || text === undefined || text === '') continue;
    const key = variables.get(name);
    if (key === undefined) {
      // Without the common start, which would make all of them look alike.
      const names = [...variables.keys(), FILES_VARIABLE].map((one) => one.slice(START.length));
      const near = suggestion(name.slice(START.length), names, (right) => START + right);
      throw new ConfigError(
        `Cannot use the environment: unknown variable ${name}${near || '; whisper-backup config lists the keys that have one'}`,
      );
    }
    layer[key] = parseText(
      key,
      text.split(',').filter((one) => one !== ''),
      text,
    );
  }
  return checkLayer(layer, 'the environment', variableOf);
}
