import { WhisperBackupError } from '../common/errors.ts';
import type { Ordered } from '../common/merge.ts';
import type { Algorithm } from '../compress/codec.ts';
import type { ObjectStore, StoredObject } from '../store/store.ts';
import type { Key } from './layout.ts';
import { metricOf } from './metric-name.ts';

export interface Backup {
  /** `replaced`: what a restore replaced. Only a restore to its {@link replacedDate} takes it. */
  readonly kind: 'single' | 'pair' | 'replaced';
  readonly time: Date;
  readonly algorithm: Algorithm;
  readonly object: StoredObject;
  /** SHA-1 of the uncompressed file; undefined for a pair, whose key does not contain it. */
  readonly sha1?: string;
  readonly sha1Object?: StoredObject;
}

export interface Tombstone {
  readonly time: Date;
  readonly object: StoredObject;
}

export interface StoredMetric extends Ordered {
  readonly metric: string;
  readonly path: string;
  /** Ascending by time. */
  readonly backups: readonly Backup[];
  /** What restores have replaced. These are not among the backups. */
  readonly replaced: readonly Backup[];
  /** Ascending by time. */
  readonly tombstones: readonly Tombstone[];
  /** Data objects that are not backups: empty, or of a pair without its checksum. */
  readonly leftovers: readonly StoredObject[];
  /** Checksums of pairs whose data is missing, which is damage. */
  readonly loneSha1s: readonly StoredObject[];
}

export interface Entry {
  readonly key: Extract<Key, { path: string }>;
  readonly path: string;
  readonly object: StoredObject;
}

/** Classifies the objects of a metric. A pair is a backup if both objects exist and the data is not empty. */
export function assemble(path: string, order: string, entries: readonly Entry[]): StoredMetric {
  const backups: Backup[] = [];
  const replaced: Backup[] = [];
  const tombstones: Tombstone[] = [];
  const leftovers: StoredObject[] = [];
  // Most metrics have no pairs, so avoid the map.
  const sha1s = entries.some(({ key }) => key.kind === 'pair-sha1') ? sha1sOf(entries) : undefined;
  const paired = new Set<string>();
  for (const { key, object } of entries) {
    if (key.kind === 'tombstone') tombstones.push({ time: key.time, object });
    if (key.kind !== 'backup' && key.kind !== 'replaced' && key.kind !== 'pair-data') continue;
    const { time, algorithm } = key;
    if (object.size === 0) leftovers.push(object);
    else if (key.kind === 'backup') backups.push({ kind: 'single', time, algorithm, object, sha1: key.sha1 });
    else if (key.kind === 'replaced') replaced.push({ kind: 'replaced', time, algorithm, object, sha1: key.sha1 });
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
  return { metric: metricOf(path), path, order, backups, replaced, tombstones, leftovers, loneSha1s };
}

function sha1sOf(entries: readonly Entry[]): Map<string, StoredObject> {
  const sha1s = new Map<string, StoredObject>();
  for (const { key, object } of entries) if (key.kind === 'pair-sha1') sha1s.set(stemOf(object), object);
  return sha1s;
}

/** Returns the common part of the two keys of a pair, which ends with the timestamp. */
export function stemOf({ key }: StoredObject): string {
  return key.replace(/\.(?:wsp\.\w+|sha1)$/, '');
}

/**
 * Returns the date to which a restore takes what another one, at that time, has replaced. It is not a whole second, so
 * nobody gives it who means something else.
 */
export function replacedDate(time: Date): Date {
  return new Date(time.getTime() + 1);
}

/** Returns whether a date is the {@link replacedDate} of a time, which is a whole second. */
export function isReplacedDate(date: Date): boolean {
  return date.getTime() % 1000 === 1;
}

/**
 * Returns the backups that a restore to a date may take, the best last: those strictly before it, or all without a date;
 * then what was replaced, if the date is its {@link replacedDate}.
 */
export function backupsBefore({ backups, replaced }: StoredMetric, date: Date | undefined): Backup[] {
  const before = backups.filter(({ time }) => !date || time < date);
  if (!date || replaced.length === 0) return before;
  return [...before, ...replaced.filter(({ time }) => replacedDate(time).getTime() === date.getTime())];
}

/** Returns whether the journal continues a backup. A replaced file is restored as it was. */
export function hasJournal({ kind }: Backup): boolean {
  return kind !== 'replaced';
}

/**
 * Returns the SHA-1 of a backup's uncompressed file, from its key or for a pair from the store.
 *
 * @throws StoreError
 * @throws WhisperBackupError `BAD_SHA1` if the checksum object does not contain a SHA-1.
 */
export async function sha1Of(backup: Backup, store: ObjectStore, signal: AbortSignal | undefined): Promise<string> {
  if (backup.sha1 !== undefined) return backup.sha1;
  const { key = '', version } = backup.sha1Object ?? {};
  const body = await store.get(key, { maxBytes: 256, version, ...(signal && { signal }) });
  const text = new TextDecoder().decode(body).trim();
  if (/^[0-9a-f]{40}$/.test(text)) return text;
  throw new WhisperBackupError(
    'BAD_SHA1',
    `Cannot use the checksum ${key}: it must contain 40 hex digits: got ${JSON.stringify(text)}`,
  );
}
