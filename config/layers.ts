import { resolve } from 'node:path';
import { checkLayer, checkResult, type Spelling } from './check.ts';
import { defaults } from './defaults.ts';
import { FILES_VARIABLE, readEnvironment, variableOf } from './environment.ts';
import { findConfig, loadFiles } from './files.ts';
import { parseText } from './parse-text.ts';
import { type Config, type Key, keys, type Layer } from './schema.ts';

/** Where configuration values come from, besides the host's own file. */
export interface Sources {
  /** Options from the command line: for each key its values as text, in order. The storage and its arguments count too. */
  readonly flags: Readonly<Record<string, readonly string[]>>;
  /** Configuration files from `--config`, lowest precedence first. They replace those of the environment. */
  readonly files: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Relative file names start here. */
  readonly directory: string;
  /** Directory of the host's own `config.*`. @default '/etc/whisper-backup' */
  readonly system?: string;
}

export interface Resolved {
  readonly config: Config;
  /** `default`, a path, a variable such as `WHISPER_BACKUP_BUCKET`, or `--bucket`. Unset keys have no origin. */
  readonly origins: ReadonlyMap<Key, string>;
  /** The configuration from files and environment, without the command line. */
  readonly configured: Layer;
}

/**
 * Merges the layers. From lowest to highest precedence: defaults, the host's file, named files, environment, command
 * line. A list replaces the list of a lower layer. Storage arguments belong to a storage: a layer that changes the
 * storage starts with none.
 *
 * @throws ConfigError if any layer, or the result, is invalid.
 */
export async function resolveConfig(sources: Sources): Promise<Resolved> {
  const merged: Layer = {};
  const origins = new Map<Key, string>();
  const apply = (layer: Layer, originOf: (key: Key) => string): void => {
    if (layer.storage !== undefined && layer.storage !== merged.storage) {
      merged.storageArgs = defaults.storageArgs;
      origins.set('storageArgs', 'default');
    }
    for (const key of keys) {
      if (layer[key] === undefined) continue;
      copyKey(key, layer, merged);
      origins.set(key, originOf(key));
    }
  };

  apply({ ...defaults, storageArgs: [], exclude: [], policies: [] }, () => 'default');
  const system = await findConfig(sources.system ?? '/etc/whisper-backup');
  for (const file of [...(system === undefined ? [] : [system]), ...namedFiles(sources)]) {
    for (const { path, layer } of await loadFiles(file)) apply(layer, () => path);
  }
  apply(readEnvironment(sources.environment), variableOf);
  const configured: Layer = { ...merged };
  apply(readFlags(sources.flags), (key) => (isStorage(key) ? 'command line' : flagOf(key)));
  return { config: checkResult(merged), origins, configured };
}

function copyKey<K extends Key>(key: K, from: Layer, to: Layer): void {
  to[key] = from[key];
}

function namedFiles({ files, environment, directory }: Sources): readonly string[] {
  const fromEnvironment = (environment[FILES_VARIABLE] ?? '').split(':').filter((name) => name !== '');
  return (files.length > 0 ? files : fromEnvironment).map((name) => resolve(directory, name));
}

function readFlags(flags: Sources['flags']): Layer {
  const layer: Record<string, unknown> = {};
  for (const key of keys) {
    const values = flags[key];
    const last = values?.at(-1);
    if (values !== undefined) {
      layer[key] = parseText(
        key,
        values.filter((one) => one !== ''),
        last ?? '',
      );
    }
  }
  return checkLayer(layer, 'the command line', flagOf);
}

/** Both are positional on the command line. */
function isStorage(key: string): boolean {
  return key === 'storage' || key === 'storageArgs';
}

const flagOf: Spelling = (key) => {
  if (isStorage(key)) return 'the storage';
  return `--${key.replace(/[A-Z]/g, '-$&').toLowerCase()}`;
};
