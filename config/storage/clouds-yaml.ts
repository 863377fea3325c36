import { dirname, join } from 'node:path';
import { parseYAML } from 'confbox/yaml';
import * as v from 'valibot';
import { codeOf, pathReason } from '../../lib/common/errors.ts';
import { readRegularFile } from '../../lib/system/regular-file.ts';
import { ConfigError } from '../errors.ts';
import { suggestion } from '../nearest.ts';
import { checkTrusted } from '../trust.ts';
import { authNames, cloudNames, type Settings } from './openstack-auth.ts';

const text = v.optional(v.pipe(v.string('must be text (quote it)'), v.nonEmpty('must not be empty')));

/** The settings that we use of a cloud. Others are for other programs. */
const cloudSchema = v.object({
  ...v.entriesFromList(cloudNames, text),
  identity_api_version: v.optional(v.union([v.pipe(v.number(), v.transform(String)), v.string()])),
  auth: v.optional(v.object(v.entriesFromList(authNames, text)), {}),
  profile: v.optional(v.undefined('is not supported; set auth_url instead')),
  verify: v.optional(v.literal(true, 'cannot be false; set cacert to the CA bundle instead')),
});

export interface CloudFiles {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The user's home directory. */
  readonly home: string;
  /** @default '/etc/openstack' */
  readonly systemDirectory?: string;
}

/**
 * Reads one cloud of `clouds.yaml`, overridden by the cloud of the same name in `secure.yaml`. Reads the files named by
 * OS_CLIENT_CONFIG_FILE and OS_CLIENT_SECURE_FILE, or the first in `~/.config/openstack` and `/etc/openstack`
 * (openstacksdk's manual, "Configuring OpenStack SDK Applications"). The working directory is not searched: other users
 * may write there.
 *
 * @throws ConfigError if a file is missing, not trusted or invalid. Never prints values.
 */
export async function readCloud(name: string, files: CloudFiles): Promise<Settings> {
  const { environment, home, systemDirectory = '/etc/openstack' } = files;
  const directories = [join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'openstack'), systemDirectory];
  const path = await firstOf(environment['OS_CLIENT_CONFIG_FILE'], directories, 'clouds');
  if (path === undefined) {
    throw new ConfigError(
      `Cannot use OS_CLOUD=${name}: there is no clouds.yaml in ${directories.join(' or ')}; see OS_CLIENT_CONFIG_FILE`,
    );
  }
  const securePath = await firstOf(environment['OS_CLIENT_SECURE_FILE'], [dirname(path), ...directories], 'secure');
  const clouds = await cloudsOf(path);
  const own = clouds[name];
  if (own === undefined) {
    throw new ConfigError(
      `Cannot use OS_CLOUD=${name}: ${path} has no such cloud${suggestion(name, Object.keys(clouds))}`,
    );
  }
  const secure = securePath === undefined ? undefined : (await cloudsOf(securePath))[name];
  const result = v.safeParse(cloudSchema, mergeTables(own, secure));
  if (result.success) {
    const { auth, profile: _, verify: __, ...beside } = result.output;
    return { ...auth, ...beside };
  }
  const [issue] = result.issues;
  throw new ConfigError(`Cannot use the cloud '${name}' of ${path}: '${v.getDotPath(issue) ?? name}' ${issue.message}`);
}

async function firstOf(named: string | undefined, directories: readonly string[], name: string) {
  if (named) return named;
  for (const path of directories.flatMap((directory) =>
    ['yaml', 'yml'].map((end) => join(directory, `${name}.${end}`)),
  )) {
    try {
      await readRegularFile(path);
      return path;
    } catch (error) {
      // Return an unreadable file, so that reading it reports why.
      if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') return path;
    }
  }
  return undefined;
}

async function cloudsOf(path: string): Promise<Readonly<Record<string, unknown>>> {
  let source: string;
  try {
    source = await readRegularFile(await checkTrusted(path));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`Cannot read ${path}: ${pathReason(error)}: check OS_CLIENT_CONFIG_FILE`, { cause: error });
  }
  let content: unknown;
  try {
    content = parseYAML(source);
  } catch {
    // The parser's reason is left out: it shows lines of the file, including passwords.
    throw new ConfigError(`Cannot read ${path}: it is not valid YAML`);
  }
  const clouds = isTable(content) ? content['clouds'] : undefined;
  if (!isTable(clouds)) throw new ConfigError(`Cannot use ${path}: it has no table 'clouds'`);
  return clouds;
}

/** Settings are at most this deep: the login is a nested table. */
const DEPTH = 2;

/** Merges tables key by key down to `depth`; other values of `upper` replace those of `lower`. */
function mergeTables(lower: unknown, upper: unknown, depth = DEPTH): unknown {
  if (upper === undefined) return lower;
  if (depth === 0 || !isTable(lower) || !isTable(upper)) return upper;
  const result: Record<string, unknown> = { ...lower };
  for (const [key, value] of Object.entries(upper)) result[key] = mergeTables(lower[key], value, depth - 1);
  return result;
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
