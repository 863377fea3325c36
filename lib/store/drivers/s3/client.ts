import { createHash } from 'node:crypto';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import type { MiddlewareStack } from '@smithy/types';
import { InvalidOptionError, reasonOf } from '../../../common/errors.ts';
import { readRegularFile } from '../../../system/regular-file.ts';
import { createAgents } from '../http/agents.ts';
import { Credentials } from './credentials.ts';
import type { S3StoreOptions } from './options.ts';

export type Sdk = typeof import('./sdk.ts');

export interface Connection {
  readonly sdk: Sdk;
  readonly client: S3Client;
  readonly credentials: Credentials;
}

/** By default the SDK prints advice on standard error, e.g. about a profile beside keys. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** The same as in the Python tool. */
const DEFAULT_REGION = 'us-east-1';

/**
 * Loads the SDK, which takes a few tenths of a second, and creates a client. Does not connect yet.
 *
 * @throws InvalidOptionError if the CA bundle cannot be used.
 */
export async function connect(options: S3StoreOptions): Promise<Connection> {
  const [sdk, config] = await Promise.all([import('./sdk.ts'), clientConfig(options)]);
  const client = new sdk.S3Client(config);
  try {
    await client.config.region();
    return observe(sdk, client, options);
  } catch {
    client.destroy();
    return observe(sdk, new sdk.S3Client({ ...(await clientConfig(options)), region: DEFAULT_REGION }), options);
  }
}

function observe(sdk: Sdk, client: S3Client, { onRequest }: S3StoreOptions): Connection {
  if (onRequest) reportRequests(client.middlewareStack, onRequest);
  const credentials = new Credentials((renew) => client.config.credentials(renew ? { forceRefresh: true } : {}));
  return { sdk, client, credentials };
}

async function clientConfig(options: S3StoreOptions): Promise<S3ClientConfig & { readonly ignoreCache: true }> {
  const { region, endpoint, pathStyle = endpoint !== undefined, profile, checksums = 'auto' } = options;
  const { accessKeyId, secretAccessKey, sessionToken } = options;
  const when = checksums === 'always' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
  return {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(profile === undefined ? {} : { profile }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }),
    forcePathStyle: pathStyle,
    requestChecksumCalculation: when,
    responseChecksumValidation: when,
    // Credentials that are read again may be other ones.
    ignoreCache: true,
    // `withRetry` retries, with log lines and a time limit.
    maxAttempts: 1,
    // It would open an extra connection for each large body, without our certificate authorities.
    expectContinueHeader: false,
    requestHandler: await handlerOptions(options),
    logger: SILENT,
  };
}

async function handlerOptions(options: S3StoreOptions) {
  const { connect = 10, idle = 60 } = options.timeouts ?? {};
  const { http, https } = await openAgents(options);
  return { connectionTimeout: connect * 1000, socketTimeout: idle * 1000, httpAgent: http, httpsAgent: https };
}

/**
 * Creates the connection pools.
 *
 * @throws InvalidOptionError if the CA bundle or a proxy cannot be used.
 */
export async function openAgents({ caBundle, concurrency = 64, proxies, timeouts = {} }: S3StoreOptions) {
  const ca = caBundle === undefined ? undefined : await readCertificates(caBundle);
  return createAgents({ ca, connectTimeout: timeouts.connect ?? 10, concurrency, proxies });
}

async function readCertificates(path: string): Promise<string> {
  const text = await readRegularFile(path).catch((error) => {
    throw new InvalidOptionError(`Cannot read the CA bundle ${path}: ${reasonOf(error)}`, { cause: error });
  });
  if (!text.includes('-----BEGIN CERTIFICATE-----')) {
    throw new InvalidOptionError(`The CA bundle ${path} contains no PEM certificate`);
  }
  return text;
}

/** Replaces the CRC32 of the SDK by an MD5, which every S3-compatible store supports and some require. */
export function sendMd5<I extends object, O extends object>(stack: MiddlewareStack<I, O>): void {
  stack.add(
    (next) => (args) => {
      const { request } = args;
      if (hasHeaders(request) && 'body' in request && typeof request.body === 'string') {
        for (const name of Object.keys(request.headers)) {
          if (/^x-amz-(checksum-|sdk-checksum-)/i.test(name)) delete request.headers[name];
        }
        request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64');
      }
      return next(args);
    },
    // After the middleware that computes the CRC32, and before signing.
    { step: 'build', priority: 'low', name: 'whisperBackupContentMd5' },
  );
}

function reportRequests<I extends object, O extends object>(stack: MiddlewareStack<I, O>, onRequest: () => void): void {
  stack.add(
    (next) => (args) => {
      onRequest();
      return next(args);
    },
    { step: 'deserialize', priority: 'low', name: 'whisperBackupRequests' },
  );
}

/** @returns a function that returns the `Date` header of the response, after the response. */
export function captureDate<I extends object, O extends object>(stack: MiddlewareStack<I, O>): () => Date | undefined {
  let date: Date | undefined;
  stack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { response } = result;
      const header = hasHeaders(response) ? response.headers['date'] : undefined;
      const time = Date.parse(String(header));
      if (!Number.isNaN(time)) date = new Date(time);
      return result;
    },
    { step: 'deserialize', name: 'whisperBackupDate' },
  );
  return () => date;
}

function hasHeaders(message: unknown): message is { readonly headers: Record<string, unknown> } {
  return typeof message === 'object' && message !== null && 'headers' in message && typeof message.headers === 'object';
}
