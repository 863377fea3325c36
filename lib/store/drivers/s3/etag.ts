import { createHash } from 'node:crypto';

/** What a store tells of an object it has, as far as it says what its ETag is. */
export interface Tagged {
  readonly ETag?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
  readonly SSECustomerAlgorithm?: string | undefined;
}

/** The ETag as an MD5, 32 lower-case hex digits; undefined where it has another form, such as that of a multipart upload. */
export function etagMd5(etag: string | undefined): string | undefined {
  return /^"?([0-9a-f]{32})"?$/i.exec(etag ?? '')?.[1]?.toLowerCase();
}

/**
 * Whether an ETag contradicts a body. With a key of KMS or of the customer the ETag looks like an MD5 and is none, so
 * it proves nothing.
 */
export function contradicts(tagged: Tagged, body: Uint8Array): boolean {
  const md5 = etagMd5(tagged.ETag);
  if (md5 === undefined || tagged.SSECustomerAlgorithm !== undefined) return false;
  if (tagged.ServerSideEncryption?.startsWith('aws:kms')) return false;
  return md5 !== createHash('md5').update(body).digest('hex');
}
