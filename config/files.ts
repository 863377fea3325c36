import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { codeOf, pathReason, reasonOf } from '../lib/common/errors.ts';
import { readRegularFile } from '../lib/system/regular-file.ts';
import { checkLayer } from './check.ts';
import { ConfigError } from './errors.ts';
import { formatValue } from './redact.ts';
import type { Layer } from './schema.ts';
import { checkTrusted } from './trust.ts';

export interface FileLayer {
  readonly path: string;
  readonly layer: Layer;
}

/** The formats that c12 loads. */
const EXTENSIONS = ['yaml', 'yml', 'json', 'jsonc', 'json5', 'toml', 'ts', 'mts', 'cts', 'js', 'mjs', 'cjs'];

/**
 * Finds the only `config.*` of a directory.
 *
 * @returns its path, or undefined if there is none or the directory does not exist.
 * @throws ConfigError if there are several, or the directory cannot be read.
 */
export async function findConfig(directory: string): Promise<string | undefined> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new ConfigError(`Cannot look for a configuration in ${directory}: ${pathReason(error)}`, { cause: error });
  }
  const found = EXTENSIONS.map((extension) => `config.${extension}`).filter((name) => names.includes(name));
  if (found.length > 1)
    throw new ConfigError(`Cannot choose a configuration in ${directory}: found ${found.join(', ')}; keep only one`);
  return found[0] === undefined ? undefined : join(directory, found[0]);
}

/**
 * Loads a file and the files that it extends. `extends` is one path or a list, each relative to the file with the
 * `extends`.
 *
 * @returns the layers, lowest precedence first: a file overrides those it extends.
 * @throws ConfigError if a file is missing, not trusted, part of a cycle, or invalid.
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
    return await checkTrusted(path);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const [by, remedy] =
      extendedBy === undefined
        ? ['', 'check --config and WHISPER_BACKUP_CONFIG']
        : [` (extended by ${extendedBy})`, "check 'extends'"];
    throw new ConfigError(`Cannot read the configuration ${path}${by}: ${pathReason(error)}: ${remedy}`, {
      cause: error,
    });
  }
}

function basesOf(bases: unknown, path: string): readonly string[] {
  if (bases === undefined) return [];
  const list: readonly unknown[] = Array.isArray(bases) ? bases : [bases];
  return list.map((base) => {
    if (typeof base !== 'string' || base === '' || /^[a-z][a-z\d+.-]+:/i.test(base)) {
      throw new ConfigError(
        `Cannot use ${path}: 'extends' must name a local file: got ${formatValue('extends', base)}`,
      );
    }
    return base;
  });
}

/**
 * Reads only this file. Most other features of c12 are off, because a run as root must not take settings or code from where
 * others can write:
 *
 * - `extend` looks for a name in node_modules and .config first, checks no rights, and follows a cycle without end;
 *   `giget` downloads what it names.
 * - `dotenv`, `rcFile`, `globalRc` and `packageJson` read files of the working directory, its parents and the home.
 * - `envName` would let NODE_ENV select settings.
 * - jiti's cache has a known name in /tmp.
 */
async function read(real: string, path: string): Promise<unknown> {
  if (!EXTENSIONS.some((extension) => real.endsWith(`.${extension}`))) {
    throw new ConfigError(`Cannot use ${path}: its name must end in one of .${EXTENSIONS.join(', .')}`);
  }
  try {
    if (await isBlank(real)) return {};
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
      // c12 merges each file with an empty one; its default merger would concatenate lists.
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

/** Removes the excerpt of the file from a parser's message: it may contain a secret. */
function inOneLine(reason: string, real: string): string {
  const [first = '', ...rest] = reason.replaceAll(`${real}: `, '').split('\n');
  // TOML's parser has the line number only in its excerpt, with an arrow below the line.
  const arrow = rest.findIndex((line) => /^ +\^/.test(line));
  const line = /^(\d+):/.exec(rest[arrow - 1] ?? rest.findLast((text) => /^\d+:/.test(text)) ?? '')?.[1];
  return line === undefined || /[:(]\d/.test(first) ? first : `${first} (line ${line})`;
}

/** Returns whether a data file is empty or has only comments: c12 cannot load such a file. */
async function isBlank(real: string): Promise<boolean> {
  if (!/\.(ya?ml|toml|json[c5]?)$/.test(real)) return false;
  const lines = (await readRegularFile(real)).split('\n');
  return lines.every((line) => /^(---|#.*|\/\/.*)?$/.test(line.trim()));
}
