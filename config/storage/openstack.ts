import type { SwiftStoreOptions } from '../../lib/store/drivers/swift/swift.ts';
import { ConfigError } from '../errors.ts';
import { type CloudFiles, readCloud } from './clouds-yaml.ts';
import { authNames, authOf, cloudNames, type SettingName, type Settings } from './openstack-auth.ts';

/** Login and endpoint of Swift, from the environment. */
export type SwiftAccess = Pick<SwiftStoreOptions, 'auth' | 'region' | 'interface' | 'storageUrl'> & {
  /** Path of a PEM file with CA certificates. */
  readonly caFile?: string;
};

/** Settings that a cloud may take from variables, so that its file needs no secrets. */
const addable = [
  'password',
  'application_credential_secret',
  'region_name',
  'interface',
  'cacert',
  'storage_url',
] as const;

/**
 * Reads the login for Swift from the variables of OpenStack's own tools: `ST_*` for auth v1; `OS_*`, or `OS_CLOUD` with
 * `clouds.yaml`, for Keystone v3. An empty variable counts as not set.
 *
 * @param version default: v1 if ST_AUTH is set, as in the Python tool, otherwise v3.
 * @throws ConfigError with the missing variables, never with a secret.
 */
export async function swiftAccess(version: 'v1' | 'v3' | undefined, files: CloudFiles): Promise<SwiftAccess> {
  const variables = variablesOf(files.environment);
  if (version === 'v1' || (version === undefined && files.environment['ST_AUTH'])) {
    return { auth: authOf(v1Of(files.environment), spellV1), ...placeOf(variables) };
  }
  const name = files.environment['OS_CLOUD'];
  if (name) {
    const kept = Object.fromEntries(addable.map((key) => [key, variables[key]]));
    const cloud = { ...kept, ...(await readCloud(name, files)) };
    return { auth: authOf(cloud, (setting) => `'${setting}' of the cloud '${name}'`), ...placeOf(cloud) };
  }
  if (version === undefined && variables.auth_url === undefined) {
    throw new ConfigError(
      'Cannot log in to Swift: set ST_AUTH, ST_USER and ST_KEY (auth v1), or OS_CLOUD, or OS_AUTH_URL and the other OS_* variables (Keystone v3)',
    );
  }
  return { auth: authOf(variables, (setting) => `OS_${setting.toUpperCase()}`), ...placeOf(variables) };
}

function variablesOf(environment: CloudFiles['environment']): Settings {
  const settings: { [N in SettingName]?: string } = {};
  for (const name of [...authNames, ...cloudNames, 'storage_url'] as const) {
    const value = environment[`OS_${name.toUpperCase()}`];
    if (value) settings[name] = value;
  }
  const endpointType = environment['OS_ENDPOINT_TYPE'];
  return endpointType ? { interface: endpointType, ...settings } : settings;
}

const v1Variables = { auth_url: 'ST_AUTH', username: 'ST_USER', password: 'ST_KEY' } as const;

function v1Of(environment: CloudFiles['environment']): Settings {
  const given = Object.entries(v1Variables).map(([name, variable]) => [name, environment[variable] || undefined]);
  return { auth_type: 'v1password', ...Object.fromEntries(given) };
}

function spellV1(name: SettingName): string {
  return Object.entries(v1Variables).find(([setting]) => setting === name)?.[1] ?? name;
}

function placeOf({ region_name, interface: kind, storage_url, cacert }: Settings): Omit<SwiftAccess, 'auth'> {
  return {
    ...(region_name !== undefined && { region: region_name }),
    ...(kind !== undefined && { interface: interfaceOf(kind) }),
    ...(storage_url !== undefined && { storageUrl: storage_url }),
    ...(cacert !== undefined && { caFile: cacert }),
  };
}

/**
 * Parses the name of an interface: `public`, or the older form `publicURL`.
 *
 * @throws ConfigError if it is not public, internal or admin.
 */
export function interfaceOf(text: string): 'public' | 'internal' | 'admin' {
  const kind = text.replace(/URL$/, '');
  if (kind === 'public' || kind === 'internal' || kind === 'admin') return kind;
  throw new ConfigError(`Cannot use Swift's interface "${text}": it must be public, internal or admin`);
}
