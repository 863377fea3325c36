import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { codeOf, reasonOf } from '../lib/common/errors.ts';
import { readRegularFile } from '../lib/system/regular-file.ts';
import { checkLayer } from './check.ts';
import { ConfigError } from './errors.ts';
import { shown } from './redact.ts';
import type { Layer } from './schema.ts';
import { trusted } from './trust.ts';

/** What one file says, and where it stands. */
export interface FileLayer {
  readonly path: string;
  readonly layer: Layer;
}

/** What c12 can load. */
const EXTENSIONS = ['yaml', 'yml', 'json', 'jsonc', 'json5', 'toml', 'ts', 'mts', 'cts', 'js', 'mjs', 'cjs'];

/**
 * The one `config.*` of a directory, or undefined when there is none, or no directory.
 *
 * @throws ConfigError when there are several, for then nobody could say which one holds.
 */
export async function findConfig(directory: string): Promise<string | undefined> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new ConfigError(`Cannot look for a configuration in ${directory}: ${reasonOf(error)}`, { cause: error });
  }
  const found = EXTENSIONS.map((extension) => `config.${extension}`).filter((name) => names.includes(name));
  if (found.length > 1) throw new ConfigError(`Cannot choose among ${found.join(', ')} in ${directory}: keep one`);
  return found[0] === undefined ? undefined : join(directory, found[0]);
}

/**
 * Loads a file and those it extends, lowest first: what a file says overrides what it extends. `extends` names one file
 * or a list, each relative to the file that names it.
 *
 * @throws ConfigError when a file is missing, cannot be trusted or parsed, is part of a cycle, or has a wrong key.
 */
export async function loadFiles(path: string, above: readonly string[] = []): Promise<FileLayer[]> {
  const real = await find(path, above.at(-1));
  if (above.includes(real)) {
    throw new ConfigError(`Cannot use ${path}: it extends itself (${[...above, real].join(' -> ')})`);
  }
  const content = await read(real, path);
  if (typeof content !== 'object' || content === null) return [{ path, layer: checkLayer(content, path) }];
  const { extends: bases, ...own } = { extends: undefined, ...content };
  const layers: FileLayer[] = [];
  for (const base of basesOf(bases, path))
    layers.push(...(await loadFiles(resolve(dirname(path), base), [...above, real])));
  layers.push({ path, layer: checkLayer(Array.isArray(content) ? content : own, path) });
  return layers;
}

async function find(path: string, extendedBy: string | undefined): Promise<string> {
  try {
    return await trusted(path);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const by = extendedBy === undefined ? '' : ` (extended by ${extendedBy})`;
    throw new ConfigError(`Cannot read the configuration ${path}${by}: ${reasonOf(error)}`, { cause: error });
  }
}

function basesOf(bases: unknown, path: string): readonly string[] {
  if (bases === undefined) return [];
  const list: readonly unknown[] = Array.isArray(bases) ? bases : [bases];
  return list.map((base) => {
    if (typeof base !== 'string' || base === '' || /^[a-z][a-z\d+.-]+:/i.test(base)) {
      throw new ConfigError(`Cannot use ${path}: 'extends' must name a local file: got ${shown('extends', base)}`);
    }
    return base;
  });
}

/** Only the named file is read: no rc files, no dotenv, nothing from a network, nothing cached where others may write. */
async function read(real: string, path: string): Promise<unknown> {
  if (!EXTENSIONS.some((extension) => real.endsWith(`.${extension}`))) {
    throw new ConfigError(`Cannot use ${path}: its name must end in one of .${EXTENSIONS.join(', .')}`);
  }
  try {
    if (await saysNothing(real)) return {};
    const { loadConfig } = await import('c12');
    const loaded = await loadConfig({
      cwd: dirname(real),
      configFile: real,
      configFileRequired: true,
      extend: false,
      giget: false,
      rcFile: false,
      globalRc: false,
      packageJson: false,
      dotenv: false,
      envName: false,
      jitiOptions: { fsCache: false },
      // c12 merges a file with nothing here; its own merger would concatenate lists.
      merger: (...sources) => Object.assign({}, ...sources.toReversed()),
    });
    const main = loaded.layers?.[0]?.config;
    return main === undefined ? {} : main;
  } catch (error) {
    throw new ConfigError(`Cannot read the configuration ${path}: ${inOneLine(reasonOf(error), real)}`, {
      cause: error,
    });
  }
}

/** What parsers say, without the excerpt of the file that they draw below it: it may hold a secret. */
function inOneLine(reason: string, real: string): string {
  const [first = '', ...rest] = reason.replaceAll(`${real}: `, '').split('\n');
  // TOML's parser names the line in its excerpt alone, by an arrow below it.
  const arrow = rest.findIndex((line) => /^ +\^/.test(line));
  const line = /^(\d+):/.exec(rest[arrow - 1] ?? rest.findLast((text) => /^\d+:/.test(text)) ?? '')?.[1];
  return line === undefined || /[:(]\d/.test(first) ? first : `${first} (line ${line})`;
}

/** Whether a data file holds comments alone, or nothing: c12 cannot load that. */
async function saysNothing(real: string): Promise<boolean> {
  if (!/\.(ya?ml|toml|json[c5]?)$/.test(real)) return false;
  const lines = (await readRegularFile(real)).split('\n');
  return lines.every((line) => /^(---|#.*|\/\/.*)?$/.test(line.trim()));
}
