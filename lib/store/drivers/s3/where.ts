import type { MiddlewareStack } from '@smithy/types';
import { type Origin, originOf } from '../http/client.ts';
import type { Connection } from './client.ts';
import type { S3StoreOptions } from './options.ts';

/** Where the objects of a bucket are. */
export interface Where {
  readonly origin: Origin;
  /** The value of the header `Host`. */
  readonly host: string;
  /** Encoded path before the key, without a trailing slash: `/backups`; '' if the host contains the bucket. */
  readonly path: string;
  readonly region: string;
}

/**
 * Returns where the bucket is if the options say so, which needs no SDK: it takes a tenth of a second to load in each
 * thread.
 */
export function whereGiven({ endpoint, pathStyle = true, region, bucket }: S3StoreOptions): Where | undefined {
  if (endpoint === undefined || region === undefined || !pathStyle || bucket.startsWith('arn:')) return undefined;
  const url = new URL(endpoint);
  const path = `${url.pathname.replace(/\/+$/, '')}/${encodeURIComponent(bucket)}`;
  return { origin: originOf(url), host: url.host, path, region };
}

/**
 * Asks the SDK where the bucket is: the region may be in a shared file, and Amazon has many kinds of endpoints. Takes it
 * from a signed request that is not sent.
 *
 * @throws Error of the SDK, e.g. if there are no credentials.
 */
export async function whereResolved({ sdk, client }: Connection, bucket: string): Promise<Where> {
  const command = new sdk.DeleteObjectCommand({ Bucket: bucket, Key: 'key' });
  stopBeforeSending(command.middlewareStack);
  try {
    await client.send(command);
  } catch (error) {
    if (error instanceof Stopped) return whereOf(error.request);
    throw error;
  }
  throw new Error('the SDK made no request');
}

function whereOf({ protocol, hostname, port, path, headers }: Request): Where {
  const { authorization = '', host = hostname } = headers;
  const [, region = ''] = /Credential=[^,]*\/\d{8}\/([^/,]+)\/s3\//.exec(authorization) ?? [];
  const origin = originOf(new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`));
  return { origin, host, path: path.replace(/\/key$/, ''), region };
}

interface Request {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly headers: Readonly<Partial<Record<'authorization' | 'host', string>>>;
}

/** Carries a request out of the SDK. */
class Stopped extends Error {
  readonly request: Request;

  constructor(request: Request) {
    super('stopped before sending');
    this.request = request;
  }
}

function stopBeforeSending<I extends object, O extends object>(stack: MiddlewareStack<I, O>): void {
  stack.add(
    (next) => (args) => {
      if (isRequest(args.request)) throw new Stopped(args.request);
      return next(args);
    },
    // After signing, and before the request is counted.
    { step: 'deserialize', name: 'whisperBackupWhere' },
  );
}

function isRequest(request: unknown): request is Request {
  return typeof request === 'object' && request !== null && 'hostname' in request && 'headers' in request;
}
