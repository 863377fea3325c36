import { resolve } from 'node:path';
import { checkLayer, checkResult, type Spelling } from './check.ts';
import { defaults } from './defaults.ts';
import { FILES_VARIABLE, readEnvironment, variableOf } from './environment.ts';
import { findConfig, loadFiles } from './files.ts';
import { parseText } from './parse-text.ts';
import { type Config, type Key, keys, type Layer } from './schema.ts';

/** What decides the configuration, besides the files. */
export interface Sources {
  /** What was typed: for each key its values as text, in the order they came. A storage and its arguments count as well. */
  readonly flags: Readonly<Record<string, readonly string[]>>;
  /** Files that were named, lowest first; they stand in for those the environment names. */
  readonly files: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where relative names of files start. */
  readonly directory: string;
  /** Where the host's own `config.*` is. @default '/etc/whisper-backup' */
  readonly system?: string;
}

/** The configuration, and where each value came from. */
export interface Resolved {
  readonly config: Config;
  /** `default`, a path, `WHISPER_BACKUP_BUCKET`, or `--bucket`. A key without a value has no origin. */
  readonly origins: ReadonlyMap<Key, string>;
  /** What files and environment say, without what was typed. */
  readonly configured: Layer;
}

/**
 * Resolves the configuration: defaults, the system's file, the files named, the environment, what was typed; the
 * higher layer wins. A list replaces a lower layer's list. Storage arguments belong to the storage they were given with:
 * a layer that names another storage starts without any.
 *
 * @throws ConfigError when any layer is wrong; see `files.ts` and `check.ts`.
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

  apply({ ...defaults, storageArgs: [], exclude: [] }, () => 'default');
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

/** These two are words, not options. */
function isStorage(key: string): boolean {
  return key === 'storage' || key === 'storageArgs';
}

const flagOf: Spelling = (key) => {
  if (isStorage(key)) return 'the storage';
  return `--${key.replace(/[A-Z]/g, '-$&').toLowerCase()}`;
};
