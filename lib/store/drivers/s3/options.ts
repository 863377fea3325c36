import { InvalidOptionError } from '../../../common/errors.ts';
import type { Proxies } from '../http/proxies.ts';

export interface S3StoreOptions {
  readonly bucket: string;
  /** E.g. `eu-central-1`. @default that of the environment or the shared configuration file, else `us-east-1` */
  readonly region?: string;
  /** URL of another provider than Amazon: `https://s3.example.org`. @default that of the region at Amazon */
  readonly endpoint?: string;
  /** Use `https://host/bucket/key`, not `https://bucket.host/key`. @default true with an endpoint, else false */
  readonly pathStyle?: boolean;
  /** PEM file of the certificate authorities to trust, instead of those of the runtime. */
  readonly caBundle?: string;
  /** @default none */
  readonly proxies?: Proxies;
  /** Section of the shared configuration and credentials files. @default `default` */
  readonly profile?: string;
  /**
   * Used with `secretAccessKey`. @default the credentials that the SDK finds: environment, web identity, shared files,
   * container or instance
   */
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  /** Server-side encryption. @default that of the bucket */
  readonly sse?: 'AES256' | 'aws:kms';
  /** The key for `aws:kms`. @default the account's key for S3 */
  readonly kmsKeyId?: string;
  /** E.g. `STANDARD_IA`; other providers have other names. @default that of the bucket */
  readonly storageClass?: string;
  /** Tags of each object. @default none */
  readonly tags?: Readonly<Record<string, string>>;
  /**
   * How bodies are checked. `auto`: the store checks Content-MD5, and we check each ETag that is an MD5. `always`: also
   * with the CRC32 in `x-amz-checksum-crc32`, which some stores do not support. `never`: only by length, for stores
   * whose ETag looks like an MD5 but is another hash. @default `auto`
   */
  readonly checksums?: Checksums;
  /** Locks each stored object, so that nobody deletes this version of it before. The bucket needs object lock. @default none */
  readonly lock?: Lock;
  /** Read the bucket as it was at this moment, and write nothing. The bucket needs versions. @default as it is */
  readonly asOf?: Date;
  /** Maximum number of concurrent requests of one call, and of idle connections. @default 64 */
  readonly concurrency?: number;
  readonly timeouts?: Timeouts;
  readonly onRequest?: () => void;
}

export type Checksums = 'auto' | 'always' | 'never';

export interface Lock {
  /** `governance`: users with a permission of their own may delete it. `compliance`: nobody may, not even the account. */
  readonly mode: 'governance' | 'compliance';
  /** 1 to 36,500 days, counted from the put. */
  readonly days: number;
}

/** In seconds. */
export interface Timeouts {
  /** For connecting. @default 10 */
  readonly connect?: number;
  /**
   * Without a byte from the store, which may send none while it deletes a batch; one second more for each 64 KiB of a
   * body that is sent. @default 60
   */
  readonly idle?: number;
  /** For one request with its whole response. @default 300 */
  readonly total?: number;
}

/** @throws InvalidOptionError with a message without secrets. */
export function checkOptions(options: S3StoreOptions): void {
  const { bucket, endpoint, accessKeyId, secretAccessKey, sessionToken, sse, kmsKeyId, concurrency = 64 } = options;
  // Other characters in the URL would change the object or the host.
  if (!/^[A-Za-z0-9][\w.:-]{0,254}$/.test(bucket)) {
    throw new InvalidOptionError(`'bucket' must be the name of an S3 bucket: got ${JSON.stringify(bucket)}`);
  }
  if (endpoint !== undefined) checkEndpoint(endpoint);
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    throw new InvalidOptionError("'accessKeyId' and 'secretAccessKey' must be given together");
  }
  if (sessionToken !== undefined && accessKeyId === undefined) {
    throw new InvalidOptionError("'sessionToken' needs 'accessKeyId' and 'secretAccessKey'");
  }
  if (kmsKeyId !== undefined && sse !== 'aws:kms') {
    throw new InvalidOptionError("'kmsKeyId' needs 'sse' to be \"aws:kms\"");
  }
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new InvalidOptionError(`'concurrency' must be a whole number of at least 1: got ${concurrency}`);
  }
  const { days = 1 } = options.lock ?? {};
  if (!(Number.isInteger(days) && days >= 1 && days <= 36_500)) {
    throw new InvalidOptionError(`The days of a lock must be a whole number from 1 to 36,500: got ${days}`);
  }
  for (const [name, seconds] of Object.entries(options.timeouts ?? {})) {
    // setTimeout fires immediately if the milliseconds exceed 31 bits.
    if (!(seconds > 0 && seconds <= 2_000_000)) {
      throw new InvalidOptionError(`The timeout '${name}' must be more than 0 and at most 2,000,000 s: got ${seconds}`);
    }
  }
}

function checkEndpoint(endpoint: string): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new InvalidOptionError(
      `'endpoint' must be a URL like https://s3.example.org: got ${JSON.stringify(endpoint)}`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new InvalidOptionError("'endpoint' must not contain a user name or a password");
  }
  if (url.search !== '' || url.hash !== '') {
    throw new InvalidOptionError(`'endpoint' must end with its host or path: got ${JSON.stringify(endpoint)}`);
  }
}
