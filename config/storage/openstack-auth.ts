import type { KeystoneName, SwiftAuth } from '../../lib/store/drivers/swift/swift.ts';
import { ConfigError } from '../errors.ts';

/** Keys under `auth` in clouds.yaml. As variables: `auth_url` is OS_AUTH_URL. */
export const authNames = [
  'auth_url',
  'username',
  'user_id',
  'password',
  'project_name',
  'project_id',
  'tenant_name',
  'tenant_id',
  'user_domain_name',
  'user_domain_id',
  'project_domain_name',
  'project_domain_id',
  'default_domain',
  'application_credential_id',
  'application_credential_name',
  'application_credential_secret',
] as const;

/** Keys beside `auth`. */
export const cloudNames = ['auth_type', 'identity_api_version', 'region_name', 'interface', 'cacert'] as const;

export type SettingName = (typeof authNames)[number] | (typeof cloudNames)[number] | 'storage_url';
export type Settings = { readonly [N in SettingName]?: string | undefined };

/** Returns the name of a setting as messages write it: `OS_AUTH_URL`. */
export type Spelling = (name: SettingName) => string;

/**
 * Returns how to log in: with an application credential if one is set, otherwise with a password.
 *
 * @throws ConfigError with the missing settings.
 */
export function authOf(settings: Settings, spell: Spelling): SwiftAuth {
  checkUrl(settings, spell);
  const type = settings.auth_type?.replace(/^v3/, '');
  if (type === 'v1password') {
    const { auth_url, username, password } = requireSettings(settings, ['auth_url', 'username', 'password'], spell);
    return { method: 'v1', authUrl: auth_url, user: username, key: password };
  }
  const api = settings.identity_api_version ?? '3';
  if (!/^3(\.\d+)?$/.test(api))
    throw new ConfigError(`Cannot log in with ${spell('identity_api_version')} ${api}: use 3`);
  const { application_credential_id: id, application_credential_name: name } = settings;
  if (type === 'applicationcredential' || (type === undefined && (id ?? name) !== undefined)) {
    return credentialOf(settings, spell);
  }
  if (type !== undefined && type !== 'password') {
    throw new ConfigError(
      `Cannot log in with ${spell('auth_type')} "${settings.auth_type}": use v3password, v3applicationcredential or v1password`,
    );
  }
  const { auth_url, password } = requireSettings(settings, ['auth_url', 'password', ...userNames(settings)], spell);
  const project = projectOf(settings, spell);
  return { method: 'password', authUrl: auth_url, user: userOf(settings, spell), password, project };
}

function checkUrl({ auth_url: url }: Settings, spell: Spelling): void {
  if (url === undefined || (/^https?:/i.test(url) && URL.canParse(url))) return;
  const shown = url.includes('@') ? '' : `: got ${JSON.stringify(url)}`;
  throw new ConfigError(`Cannot log in to Swift: ${spell('auth_url')} must be a URL with http or https${shown}`);
}

function credentialOf(settings: Settings, spell: Spelling): SwiftAuth {
  const names = ['auth_url', 'application_credential_secret'] as const;
  const { auth_url: authUrl, application_credential_secret: secret } = requireSettings(settings, names, spell);
  const method = 'application-credential';
  const id = settings.application_credential_id;
  if (id !== undefined) return { method, authUrl, id, secret };
  const { application_credential_name: name } = requireSettings(settings, ['application_credential_name'], spell);
  return { method, authUrl, name, user: userOf(settings, spell), secret };
}

function userNames({ user_id }: Settings): readonly SettingName[] {
  return user_id === undefined ? ['username'] : [];
}

function userOf(settings: Settings, spell: Spelling): KeystoneName {
  if (settings.user_id !== undefined) return { id: settings.user_id };
  const { username } = requireSettings(settings, ['username'], spell);
  return inDomain(username, settings.user_domain_id, settings.user_domain_name, settings.default_domain);
}

function projectOf(settings: Settings, spell: Spelling): KeystoneName {
  const id = settings.project_id ?? settings.tenant_id;
  if (id !== undefined) return { id };
  // Projects used to be called tenants.
  const named = { ...settings, project_name: settings.project_name ?? settings.tenant_name };
  const { project_name } = requireSettings(named, ['project_name'], spell);
  return inDomain(project_name, settings.project_domain_id, settings.project_domain_name, settings.default_domain);
}

function inDomain(name: string, id: string | undefined, domain: string | undefined, fallback: string | undefined) {
  if (id !== undefined) return { name, domain: { id } };
  if (domain !== undefined) return { name, domain: { name: domain } };
  return fallback === undefined ? { name } : { name, domain: { id: fallback } };
}

function requireSettings<const N extends SettingName>(
  settings: Settings,
  names: readonly N[],
  spell: Spelling,
): Readonly<Record<N, string>> {
  const missing = names.filter((name) => settings[name] === undefined);
  if (missing.length > 0) {
    throw new ConfigError(`Cannot log in to Swift: ${missing.map(spell).join(' and ')} must be set`);
  }
  // The check above found every name.
  return Object.fromEntries(names.map((name) => [name, settings[name]])) as Record<N, string>;
}
