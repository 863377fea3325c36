import { InvalidOptionError } from '../../../common/errors.ts';

/** Where the objects are, how to get there, and how they are kept. */
export interface S3StoreOptions {
  readonly bucket: string;
  /** Such as `eu-central-1`. @default what the environment or the shared configuration file says, else `us-east-1` */
  readonly region?: string;
  /** URL of a store that is not Amazon's: `https://s3.example.org`. @default Amazon's own of the region */
  readonly endpoint?: string;
  /** `https://host/bucket/key` rather than `https://bucket.host/key`. @default true with an endpoint, false without */
  readonly pathStyle?: boolean;
  /** PEM file of the certificate authorities to trust, in place of those the runtime knows. */
  readonly caBundle?: string;
  /** Section of the shared configuration and credentials files. @default `default` */
  readonly profile?: string;
  /**
   * With `secretAccessKey`, the credentials. @default those that the SDK finds: environment, web identity, shared
   * files, container or instance
   */
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  /** For temporary credentials. */
  readonly sessionToken?: string;
  /** Encryption that the store is asked for. @default what the bucket is set to */
  readonly sse?: 'AES256' | 'aws:kms';
  /** The key for `aws:kms`. @default the account's own for S3 */
  readonly kmsKeyId?: string;
  /** Such as `STANDARD_IA`; other stores have classes of other names. @default the bucket's */
  readonly storageClass?: string;
  /** Tags that each object gets. @default none */
  readonly tags?: Readonly<Record<string, string>>;
  /**
   * How bodies are checked. `auto`: the store checks Content-MD5, and we check each ETag that is an MD5. `always`: by
   * the CRC32 of `x-amz-checksum-crc32` as well, which not every store understands. `never`: by nothing but their
   * length, for stores whose ETag looks like an MD5 and is none. @default `auto`
   */
  readonly checksums?: Checksums;
  /** Requests that one call may have under way, and idle connections kept. @default 64 */
  readonly concurrency?: number;
  /** In seconds. */
  readonly timeouts?: Timeouts;
  /** Told of each request that is sent. */
  readonly onRequest?: () => void;
}

export type Checksums = 'auto' | 'always' | 'never';

export interface Timeouts {
  /** To be connected. @default 10 */
  readonly connect?: number;
  /** Without a byte in either direction; a store may be silent while it deletes a batch. @default 60 */
  readonly idle?: number;
  /** For one request and its whole answer. @default 300 */
  readonly total?: number;
}

/** @throws InvalidOptionError, whose message holds no secret. */
export function checkOptions(options: S3StoreOptions): void {
  const { bucket, endpoint, accessKeyId, secretAccessKey, sessionToken, sse, kmsKeyId, concurrency = 64 } = options;
  // Anything else would be a name of an object, or of another service, once it stands in a URL.
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
  for (const [name, seconds] of Object.entries(options.timeouts ?? {})) {
    // setTimeout fires at once when its 31 bits overflow.
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
    throw new InvalidOptionError("'endpoint' must not hold a user name or a password");
  }
  if (url.search !== '' || url.hash !== '') {
    throw new InvalidOptionError(`'endpoint' must end with its host or path: got ${JSON.stringify(endpoint)}`);
  }
}
