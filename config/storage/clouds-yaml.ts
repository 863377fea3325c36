import { dirname, join } from 'node:path';
import { parseYAML } from 'confbox/yaml';
import * as v from 'valibot';
import { codeOf, reasonOf } from '../../lib/common/errors.ts';
import { readRegularFile } from '../../lib/system/regular-file.ts';
import { ConfigError } from '../errors.ts';
import { suggestion } from '../nearest.ts';
import { trusted } from '../trust.ts';
import { authNames, cloudNames, type Settings } from './openstack-auth.ts';

const text = v.optional(v.pipe(v.string('must be text (quote it)'), v.nonEmpty('must not be empty')));

/** What is used of one cloud; whatever else is in it is for other programs. */
const cloudSchema = v.object({
  ...v.entriesFromList(cloudNames, text),
  identity_api_version: v.optional(v.union([v.pipe(v.number(), v.transform(String)), v.string()])),
  auth: v.optional(v.object(v.entriesFromList(authNames, text)), {}),
  profile: v.optional(v.undefined('is not known here; write out its auth_url')),
  verify: v.optional(v.literal(true, 'cannot be switched off; name the authority as cacert')),
});

/** Where to look. */
export interface CloudFiles {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The user's home directory. */
  readonly home: string;
  /** @default '/etc/openstack' */
  readonly systemDirectory?: string;
}

/**
 * Reads one cloud of `clouds.yaml`, with what `secure.yaml` says of it on top: the files that OS_CLIENT_CONFIG_FILE and
 * OS_CLIENT_SECURE_FILE name, or the first in `~/.config/openstack` and `/etc/openstack` (openstacksdk's manual,
 * "Configuring OpenStack SDK Applications"). Not in the working directory, where it may be anybody's.
 *
 * @throws ConfigError, which shows nothing of what the files hold but names.
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
  const result = v.safeParse(cloudSchema, merged(own, secure));
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
      // One that cannot be read is not passed over.
      if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') return path;
    }
  }
  return undefined;
}

async function cloudsOf(path: string): Promise<Readonly<Record<string, unknown>>> {
  let source: string;
  try {
    source = await readRegularFile(await trusted(path));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`Cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
  let content: unknown;
  try {
    content = parseYAML(source);
  } catch {
    // Without its reason, which shows the lines around the mistake, passwords and all.
    throw new ConfigError(`Cannot read ${path}: it is no YAML`);
  }
  const clouds = isTable(content) ? content['clouds'] : undefined;
  if (!isTable(clouds)) throw new ConfigError(`Cannot use ${path}: it has no table 'clouds'`);
  return clouds;
}

/** How deep the settings of a cloud stand in its table: those for the login in one of their own. */
const DEPTH = 2;

/** Tables are merged key by key, as deep as there are settings; of anything else the upper one holds. */
function merged(lower: unknown, upper: unknown, depth = DEPTH): unknown {
  if (upper === undefined) return lower;
  if (depth === 0 || !isTable(lower) || !isTable(upper)) return upper;
  const result: Record<string, unknown> = { ...lower };
  for (const [key, value] of Object.entries(upper)) result[key] = merged(lower[key], value, depth - 1);
  return result;
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
