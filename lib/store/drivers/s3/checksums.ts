import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { TransientError } from '../../errors.ts';
import type { Answer } from '../http/client.ts';
import type { Checksums } from './options.ts';

/** MD5 of a body, in hexadecimal digits; undefined if bodies are not checked. */
export function md5Of(body: Uint8Array, checksums: Checksums): string | undefined {
  return checksums === 'never' ? undefined : createHash('md5').update(body).digest('hex');
}

/** Returns the headers by which the store checks a body. @param md5 that of the body. */
export function checksumHeaders(
  body: Uint8Array,
  md5: string | undefined,
  checksums: Checksums,
): Record<string, string> {
  if (md5 === undefined) return {};
  const headers = { 'content-md5': Buffer.from(md5, 'hex').toString('base64') };
  if (checksums !== 'always') return headers;
  return { ...headers, 'x-amz-sdk-checksum-algorithm': 'CRC32', 'x-amz-checksum-crc32': crc32Of(body) };
}

/**
 * Checks the body of a response against the CRC32 of the store, if it sent one.
 *
 * @throws TransientError if it is another.
 */
export function checkCrc32({ headers, body }: Answer, doing: string): void {
  const crc = headers['x-amz-checksum-crc32'];
  // That of an object of several parts ends with their number, and is not that of the body.
  if (typeof crc !== 'string' || crc.includes('-') || crc === crc32Of(body)) return;
  throw new TransientError(`Cannot ${doing}: the body does not match its CRC32`);
}

/**
 * Returns whether an ETag contradicts the MD5 of a body. With a KMS or customer key the ETag looks like an MD5 but is
 * another hash, so it is ignored.
 */
export function contradicts({ headers }: Answer, md5: string): boolean {
  const stored = etagMd5(headers.etag);
  if (stored === undefined || headers['x-amz-server-side-encryption-customer-algorithm'] !== undefined) return false;
  if (String(headers['x-amz-server-side-encryption'] ?? '').startsWith('aws:kms')) return false;
  return stored !== md5;
}

/** Returns the ETag if it is an MD5, 32 lower-case hex digits. That of a multipart upload, for example, is not. */
export function etagMd5(etag: string | undefined): string | undefined {
  return /^"?([0-9a-f]{32})"?$/i.exec(etag ?? '')?.[1]?.toLowerCase();
}

function crc32Of(body: Uint8Array): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes.toString('base64');
}
