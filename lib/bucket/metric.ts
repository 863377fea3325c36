import { WhisperBackupError } from '../common/errors.ts';
import type { Ordered } from '../common/merge.ts';
import type { Algorithm } from '../compress/codec.ts';
import type { ObjectStore, StoredObject } from '../store/store.ts';
import { type Key, metricOf } from './layout.ts';

/** One stored copy of one metric. */
export interface Backup {
  readonly kind: 'single' | 'pair';
  readonly time: Date;
  readonly algorithm: Algorithm;
  /** The compressed data. */
  readonly object: StoredObject;
  /** Of the uncompressed file; a pair does not tell it by name. */
  readonly sha1?: string;
  /** A pair's checksum object. */
  readonly sha1Object?: StoredObject;
}

export interface Tombstone {
  readonly time: Date;
  readonly object: StoredObject;
}

/** All that a bucket holds of one metric. */
export interface StoredMetric extends Ordered {
  readonly metric: string;
  readonly path: string;
  /** Ascending by time. */
  readonly backups: readonly Backup[];
  /** Ascending by time. */
  readonly tombstones: readonly Tombstone[];
  /** Data that is no backup: of a pair without its checksum, or empty. */
  readonly leftovers: readonly StoredObject[];
  /** Checksums of pairs without data: damage. */
  readonly loneSha1s: readonly StoredObject[];
}

/** One object of a metric, its key read. */
export interface Entry {
  readonly key: Extract<Key, { path: string }>;
  readonly path: string;
  readonly object: StoredObject;
}

/** Sorts out one metric's objects. A pair exists when both its objects do and the data is not empty. */
export function assemble(path: string, order: string, entries: readonly Entry[]): StoredMetric {
  const backups: Backup[] = [];
  const tombstones: Tombstone[] = [];
  const leftovers: StoredObject[] = [];
  // Most metrics have no pairs, and most come in the order of their names.
  const sha1s = entries.some(({ key }) => key.kind === 'pair-sha1') ? sha1sOf(entries) : undefined;
  const paired = new Set<string>();
  for (const { key, object } of entries) {
    if (key.kind === 'tombstone') tombstones.push({ time: key.time, object });
    if (key.kind !== 'backup' && key.kind !== 'pair-data') continue;
    const { time, algorithm } = key;
    if (object.size === 0) leftovers.push(object);
    else if (key.kind === 'backup') backups.push({ kind: 'single', time, algorithm, object, sha1: key.sha1 });
    else {
      const stem = stemOf(object);
      const sha1Object = sha1s?.get(stem);
      if (!sha1Object) leftovers.push(object);
      else {
        paired.add(stem);
        backups.push({ kind: 'pair', time, algorithm, object, sha1Object });
      }
    }
  }
  const loneSha1s = [...(sha1s ?? [])].filter(([stem]) => !paired.has(stem)).map(([, object]) => object);
  backups.sort((a, b) => a.time.getTime() - b.time.getTime());
  tombstones.sort((a, b) => a.time.getTime() - b.time.getTime());
  return { metric: metricOf(path), path, order, backups, tombstones, leftovers, loneSha1s };
}

/** The checksums of pairs, by what they share with their data. */
function sha1sOf(entries: readonly Entry[]): Map<string, StoredObject> {
  const sha1s = new Map<string, StoredObject>();
  for (const { key, object } of entries) if (key.kind === 'pair-sha1') sha1s.set(stemOf(object), object);
  return sha1s;
}

/** What the two keys of a pair have in common: all up to the timestamp's end. */
function stemOf(object: StoredObject): string {
  return object.key.replace(/\.(?:wsp\.\w+|sha1)$/, '');
}

/**
 * The SHA-1 of a backup's file: told by its name, or fetched where it is a pair's.
 *
 * @throws StoreError, or WhisperBackupError `BAD_SHA1` when what is there is none.
 */
export async function sha1Of(backup: Backup, store: ObjectStore, signal: AbortSignal | undefined): Promise<string> {
  if (backup.sha1 !== undefined) return backup.sha1;
  const key = backup.sha1Object?.key ?? '';
  const body = await store.get(key, { maxBytes: 256, ...(signal && { signal }) });
  const text = new TextDecoder().decode(body).trim();
  if (/^[0-9a-f]{40}$/.test(text)) return text;
  throw new WhisperBackupError(
    'BAD_SHA1',
    `Cannot use ${key}: it must hold 40 hex digits: got ${JSON.stringify(text)}`,
  );
}
