import type { Algorithm } from '../compress/codec.ts';
import type { PlaceOptions } from '../options.ts';
import { parseTimestamp } from './timestamp.ts';

/*
 * The contract with buckets: the only file that knows what a key looks like.
 *
 * A *path* is a file's place below the prefix without `.wsp`: `servers/web01/cpu`. A *metric* is its dotted name,
 * `servers.web01.cpu`, in which a dot of the path itself is written `%2E`. A *root* is what stands before the metric.
 */

/** S3 and Swift take keys of this many UTF-8 bytes at most. */
export const KEY_BYTES = 1024;

/** What one key of a listing is. Paths were checked: none leads out of the prefix. */
export type Key =
  | { kind: 'backup'; path: string; time: Date; sha1: string; algorithm: Algorithm }
  | { kind: 'tombstone'; path: string; time: Date }
  | { kind: 'pair-data'; path: string; time: Date; algorithm: Algorithm }
  | { kind: 'pair-sha1'; path: string; time: Date }
  /** Below `.whisper-backup/`: the tool's own. */
  | { kind: 'own' }
  /** Not ours: ignored, counted, never deleted. */
  | { kind: 'foreign' };

/** What keys begin with: the storage path with its slash, or the raw one as it stands. */
export function rootOf(place: PlaceOptions): string {
  if (place.storagePathRaw !== undefined && place.storagePathRaw !== '') return place.storagePathRaw;
  const path = (place.storagePath ?? '').replace(/^\/+|\/+$/g, '');
  return path === '' ? '' : `${path}/`;
}

/** `a.b/c` -> `a%2Eb.c`. A `%` is written `%25` only where it would read as one of the two escapes. */
export function metricOf(path: string): string {
  return path
    .split('/')
    .map((name) => name.replace(/%(?=2E|25)/g, '%25').replaceAll('.', '%2E'))
    .join('.');
}

/** The inverse of {@link metricOf}, or undefined when no path has this metric, or the path would lead astray. */
export function pathOf(metric: string): string | undefined {
  const names = metric
    .split('.')
    .map((name) => name.replace(/%(2E|25)/g, (_, code: string) => (code === '2E' ? '.' : '%')));
  const path = safePath(names);
  return path !== undefined && metricOf(path) === metric ? path : undefined;
}

/** The path that a name of the Python tool stands for; it did not escape anything. */
export function pythonPathOf(name: string): string | undefined {
  return safePath(name.split('.'));
}

/** The name under which the Python tool stores a path; others may share it when {@link isAmbiguous}. */
export function pythonNameOf(path: string): string {
  return path.replaceAll('/', '.');
}

/** Whether the Python tool's name of a path reads back as another path. */
export function isAmbiguous(path: string): boolean {
  return path.includes('.');
}

/** The last name gets `.wsp`, so only directories can be `.` or `..`. */
function safePath(names: readonly string[]): string | undefined {
  const last = names.length - 1;
  const safe = names.every(
    (name, i) => name !== '' && !/[/\0]/.test(name) && (i === last || (name !== '.' && name !== '..')),
  );
  return safe ? names.join('/') : undefined;
}

/** `<timestamp>.<sha1>.wsp.gz`, `<timestamp>.gone`, or as the Python tool wrote. It never wrote zst, nor we sz. */
const OURS = /^([^.]+)\.(?:([0-9a-f]{40})\.wsp\.(gz|zst)|gone)$/;
const PAIR = /^([^.]+)\.(?:wsp\.(gz|sz)|sha1)$/;

/** Reads a key, its root already taken off. */
export function parseKey(key: string): Key {
  if (key.startsWith('.whisper-backup/')) return { kind: 'own' };
  const slash = key.indexOf('/');
  const name = key.slice(0, slash);
  const rest = key.slice(slash + 1);
  const ours = OURS.exec(rest);
  const pair = ours ? null : PAIR.exec(rest);
  const time = parseTimestamp((ours ?? pair)?.[1] ?? '');
  const path = ours ? pathOf(name) : pythonPathOf(name);
  if (slash < 1 || !time || path === undefined) return { kind: 'foreign' };
  if (ours) {
    const [, , sha1, algorithm] = ours;
    if (sha1 === undefined) return { kind: 'tombstone', path, time };
    return { kind: 'backup', path, time, sha1, algorithm: algorithm === 'zst' ? 'zst' : 'gz' };
  }
  const algorithm = pair?.[2];
  if (algorithm === undefined) return { kind: 'pair-sha1', path, time };
  return { kind: 'pair-data', path, time, algorithm: algorithm === 'sz' ? 'sz' : 'gz' };
}

export function backupKey(root: string, path: string, timestamp: string, sha1: string, algorithm: Algorithm): string {
  return `${root}${metricOf(path)}/${timestamp}.${sha1}.wsp.${algorithm}`;
}

export function tombstoneKey(root: string, path: string, timestamp: string): string {
  return `${root}${metricOf(path)}/${timestamp}.gone`;
}

export function pairKeys(root: string, path: string, timestamp: string): { data: string; sha1: string } {
  const stem = `${root}${pythonNameOf(path)}/${timestamp}`;
  return { data: `${stem}.wsp.gz`, sha1: `${stem}.sha1` };
}

/**
 * Where a damaged object is moved. Its ending is one that no version of the Python tool looks for: that would take a
 * `.sha1` here for a metric's, and its restore would stop at the name.
 */
export function quarantineKey(root: string, key: string): string {
  return `${root}.whisper-backup/quarantine/${key.slice(root.length)}.damaged`;
}

export function ownKey(root: string, name: 'owner.json' | `runs/${string}.json` | 'probe'): string {
  return `${root}.whisper-backup/${name}`;
}
