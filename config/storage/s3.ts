import { resolve } from 'node:path';
import type { S3StoreOptions } from '../../lib/store/drivers/s3/s3.ts';
import type { Credentials } from '../credentials.ts';
import { ConfigError, UsageError } from '../errors.ts';
import { caBundleIn, proxiesIn } from './network.ts';

/**
 * The storage arguments of `s3`. The first may come without its name: `s3 us-west-2`. None takes a secret: every user of
 * the host can read command lines. The SDK reads secrets from the environment, its shared files or the instance metadata.
 */
export const s3Arguments = [
  'region',
  'endpoint',
  'path-style',
  'ca-bundle',
  'profile',
  'sse',
  'kms-key-id',
  'storage-class',
  'tags',
  'checksums',
  'lock-mode',
  'lock-days',
] as const;

export type S3Arguments = Readonly<Partial<Record<(typeof s3Arguments)[number], string>>>;

/**
 * Returns the options of the S3 store. Relative paths start in the working directory.
 *
 * @param credentials override the environment. As in the SDK, a profile takes precedence over a key; key, secret and
 *   token are taken from one source only.
 * @param environment where the SDK would find endpoint, region and key, too. The endpoint has to be known here, as
 *   path-style addressing follows from it; a thread that knows all three need not load the SDK.
 * @throws UsageError if an argument has an invalid value.
 * @throws ConfigError if the credentials have only one of key and secret.
 */
export function s3OptionsOf(
  bucket: string,
  given: S3Arguments,
  credentials: Credentials = {},
  environment: NodeJS.ProcessEnv = {},
): S3StoreOptions {
  const pathStyle = oneOf('path-style', given['path-style'], ['true', 'false']);
  const sse = oneOf('sse', given.sse, ['AES256', 'aws:kms']);
  const checksums = oneOf('checksums', given.checksums, ['auto', 'always', 'never']);
  const region =
    given.region ?? credentials['AWS_REGION'] ?? credentials['AWS_DEFAULT_REGION'] ?? regionIn(environment);
  const endpoint = given.endpoint ?? endpointIn(credentials) ?? endpointIn(environment);
  const caBundle = given['ca-bundle'] ?? caBundleIn(environment, ['AWS_CA_BUNDLE', 'SSL_CERT_FILE']);
  const proxies = proxiesIn(environment);
  return {
    bucket,
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(given.profile === undefined && (keyOf(credentials) ?? keyIn(environment))),
    ...(pathStyle !== undefined && { pathStyle: pathStyle === 'true' }),
    ...(caBundle !== undefined && { caBundle: resolve(caBundle) }),
    ...(proxies !== undefined && { proxies }),
    ...(given.profile !== undefined && { profile: given.profile }),
    ...(sse !== undefined && { sse }),
    ...(given['kms-key-id'] !== undefined && { kmsKeyId: given['kms-key-id'] }),
    ...(given['storage-class'] !== undefined && { storageClass: given['storage-class'] }),
    ...(given.tags !== undefined && { tags: readTags(given.tags) }),
    ...(checksums !== undefined && { checksums }),
    ...lockOf(given),
  };
}

/** @throws UsageError if only one of mode and days is given, or one is invalid. */
function lockOf(given: S3Arguments): Pick<S3StoreOptions, 'lock'> {
  const mode = oneOf('lock-mode', given['lock-mode'], ['governance', 'compliance']);
  const days = given['lock-days'];
  if (mode === undefined && days === undefined) return {};
  if (mode === undefined || days === undefined) {
    throw new UsageError(
      "Storage 's3' needs both arguments lock-mode=governance|compliance and lock-days=N, or neither",
    );
  }
  if (!/^[1-9]\d{0,4}$/.test(days) || Number(days) > 36_500) {
    throw new UsageError(`Argument 'lock-days' of storage 's3' must be a whole number from 1 to 36500: got "${days}"`);
  }
  return { lock: { mode, days: Number(days) } };
}

function endpointIn(variables: Readonly<Record<string, string | undefined>>): string | undefined {
  if (variables['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true') return undefined;
  return variables['AWS_ENDPOINT_URL_S3'] || variables['AWS_ENDPOINT_URL'] || undefined;
}

function regionIn(environment: NodeJS.ProcessEnv): string | undefined {
  return environment['AWS_REGION'] || undefined;
}

/** As in the SDK, a profile takes precedence over a key. */
function keyIn(environment: NodeJS.ProcessEnv): Pick<S3StoreOptions, KeyName> {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = environment;
  if (environment['AWS_PROFILE'] || !accessKeyId || !secretAccessKey) return {};
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

type KeyName = 'accessKeyId' | 'secretAccessKey' | 'sessionToken';

function keyOf(credentials: Credentials): Pick<S3StoreOptions, KeyName> | undefined {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = credentials;
  if (accessKeyId === undefined && secretAccessKey === undefined && sessionToken === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new ConfigError(
      'Cannot log in to S3: the credentials must hold both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither',
    );
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
}

function oneOf<const T extends string>(name: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((one) => one === value);
  if (found === undefined) {
    throw new UsageError(`Argument '${name}' of storage 's3' must be one of ${allowed.join(', ')}: got "${value}"`);
  }
  return found;
}

/** Parses `host=web01,role=graphite`. */
function readTags(text: string): Record<string, string> {
  const tags = new Map<string, string>();
  for (const part of text.split(',')) {
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(0, equals));
    if (name === '' || tags.has(name)) {
      throw new UsageError(
        `Argument 'tags' of storage 's3' must be name=value,name=value with each name once: got "${text}"`,
      );
    }
    tags.set(name, part.slice(equals + 1));
  }
  return Object.fromEntries(tags);
}
