import { homedir } from 'node:os';
import { pathReason } from '../../lib/common/errors.ts';
import type { SwiftStoreOptions } from '../../lib/store/drivers/swift/swift.ts';
import { readRegularFile } from '../../lib/system/regular-file.ts';
import type { Credentials } from '../credentials.ts';
import { UsageError } from '../errors.ts';
import { suggestion } from '../nearest.ts';
import type { Config } from '../schema.ts';
import { caBundleIn, proxiesIn } from './network.ts';
import { interfaceOf, swiftAccess } from './openstack.ts';

export const swiftArguments = ['region', 'interface', 'ca-bundle', 'auth'] as const;

type Given = { readonly [N in (typeof swiftArguments)[number]]?: string | undefined };

/**
 * Returns the options of the Swift store. Storage arguments take precedence over the environment.
 *
 * @param credentials take precedence over variables of the same names.
 * @throws UsageError, ConfigError or InvalidOptionError. Never with a secret.
 */
export async function swiftOptionsOf(
  config: Config,
  given: Given,
  credentials: Credentials = {},
): Promise<SwiftStoreOptions> {
  const { 'ca-bundle': bundle, region } = given;
  const version = given.auth === undefined ? undefined : versionOf(given.auth);
  const environment = { ...process.env, ...credentials };
  const { caFile, ...access } = await swiftAccess(version, { environment, home: homedir() });
  const path = bundle ?? caFile ?? caBundleIn(environment, ['SSL_CERT_FILE']);
  const proxies = proxiesIn(environment);
  return {
    ...access,
    container: config.bucket,
    ...(region !== undefined && { region }),
    ...(given.interface !== undefined && { interface: interfaceOf(given.interface) }),
    ...(path !== undefined && { caBundle: await readBundle(path) }),
    ...(proxies !== undefined && { proxies }),
  };
}

function versionOf(text: string): 'v1' | 'v3' {
  if (text === 'v1' || text === 'v3') return text;
  throw new UsageError(
    `Argument 'auth' of storage 'swift' must be v1 or v3: got "${text}"${suggestion(text, ['v1', 'v3'])}`,
  );
}

async function readBundle(path: string): Promise<string> {
  let text: string;
  try {
    text = await readRegularFile(path);
  } catch (error) {
    throw new UsageError(
      `Cannot read the CA bundle ${path}: ${pathReason(error)}: check ca-bundle=, OS_CACERT and SSL_CERT_FILE`,
      {
        cause: error,
      },
    );
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) {
    throw new UsageError(`Cannot use the CA bundle ${path}: it has no PEM certificate`);
  }
  return text;
}
