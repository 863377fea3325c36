import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { fillKeystone, type KeystoneContent } from './keystone/content.ts';
import { startPython } from './python-server.ts';

/** A real Keystone on loopback, with a project and a user for backups, and one for Swift itself. */
export interface Keystone extends KeystoneContent {
  /** With `/v3` at its end. */
  readonly url: string;
  stop(): Promise<void>;
}

export interface StartKeystoneOptions {
  /** The object store of RegionOne, e.g. `http://127.0.0.1:8080/v1/AUTH_$(project_id)s`. RegionTwo's is not there. */
  readonly objectStore: string;
  /** Lifetime of a token in seconds. @default 3600 */
  readonly tokenLife?: number;
}

/** Starts Debian's Keystone below a scratch directory. */
export async function startKeystone(
  directory: string,
  { objectStore, tokenLife = 3600 }: StartKeystoneOptions,
): Promise<Keystone> {
  const port = await freePort();
  for (const keys of ['fernet', 'credential']) await mkdir(join(directory, keys), { recursive: true, mode: 0o700 });
  await writeFile(join(directory, 'policy.yaml'), '');
  await writeFile(
    join(directory, 'keystone.conf'),
    `[DEFAULT]
log_dir = ${directory}
use_stderr = false
[database]
connection = sqlite:///${directory}/keystone.db?timeout=60
sqlite_synchronous = false
[token]
provider = fernet
expiration = ${tokenLife}
allow_expired_window = 0
[fernet_tokens]
key_repository = ${directory}/fernet
[credential]
key_repository = ${directory}/credential
[cache]
enabled = false
[oslo_policy]
policy_file = ${directory}/policy.yaml
[identity]
password_hash_rounds = 4
`,
  );
  const adminPassword = 'admin-password';
  const server = await startPython(
    new URL('keystone/serve.py', import.meta.url),
    [directory, String(port), adminPassword],
    join(directory, 'server.log'),
  );
  const url = `http://127.0.0.1:${port}/v3`;
  try {
    return { url, ...(await fillKeystone(url, adminPassword, objectStore)), stop: () => server.stop() };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
