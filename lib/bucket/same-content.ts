import { createHash } from 'node:crypto';
import type { Backup } from './metric.ts';

/**
 * Returns whether the listing alone shows that two backups have the same content. The key of a pair does not contain
 * its SHA-1, but some stores list the MD5 of the checksum object.
 */
export function hasSameContent(a: Backup, b: Backup): boolean {
  if (a.sha1 && b.sha1) return a.sha1 === b.sha1;
  const md5 = md5OfSha1(a);
  return md5 !== undefined && md5 === md5OfSha1(b);
}

export type KnownContent = Pick<Backup, 'sha1' | 'sha1Object'>;

/** Returns whether the listing alone shows that a backup is of a file with this SHA-1. */
export function isKnownSame(sha1: string, backup: KnownContent): boolean {
  if (backup.sha1 !== undefined) return backup.sha1 === sha1;
  return backup.sha1Object?.md5 === md5(sha1);
}

function md5OfSha1({ sha1, sha1Object }: Backup): string | undefined {
  return sha1 ? md5(sha1) : sha1Object?.md5;
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
