import type { PlaceOptions } from '../common/options.ts';
import { formatTimestamp, parseTimestamp } from '../common/timestamp.ts';
import type { Algorithm } from '../compress/codec.ts';

/*
 * The contract with buckets: the only file that knows what a key looks like.
 *
 * A *path* is a file's place below the prefix without `.wsp`: `servers/web01/cpu`. A *metric* is its dotted name,
 * `servers.web01.cpu`, in which a dot of the path itself is written `%2E`. A *root* is what stands before the metric.
 */

/** S3 and Swift take keys of this many UTF-8 bytes at most. */
export const KEY_BYTES = 1024;

/** How backups are laid out in a bucket: our own way, or the pairs of the Python tool. */
export type Layout = 'native' | 'python';

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
  if (isPlain(path)) return path.replaceAll('/', '.');
  return path
    .split('/')
    .map((name) => name.replace(/%(?=2E|25)/g, '%25').replaceAll('.', '%2E'))
    .join('.');
}

/** The inverse of {@link metricOf}, or undefined when no path has this metric, or the path would lead astray. */
export function pathOf(metric: string): string | undefined {
  if (!metric.includes('%')) return pythonPathOf(metric);
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

/** Whether encoding changes nothing but the slashes: almost every path, and listings have millions. */
export function isPlain(path: string): boolean {
  return !path.includes('.') && !path.includes('%');
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
  for (const [i, name] of names.entries()) {
    if (name === '' || name.includes('/') || name.includes('\0')) return undefined;
    if (i !== last && (name === '.' || name === '..')) return undefined;
  }
  return names.join('/');
}

/** A metric's backups stand side by side, so the same name is asked for again and again. */
const oursAt = rememberingLast(pathOf);
const pairAt = rememberingLast(pythonPathOf);

/** How long a timestamp is. */
const TIMESTAMP = 25;

/**
 * Reads a key, its root already taken off: `<timestamp>.<sha1>.wsp.gz`, `<timestamp>.gone`, or as the Python tool wrote.
 * It never wrote zst, nor we sz.
 */
export function parseKey(key: string): Key {
  if (key.startsWith('.whisper-backup/')) return { kind: 'own' };
  const slash = key.indexOf('/');
  const dot = slash + 1 + TIMESTAMP;
  if (slash < 1 || key[dot] !== '.') return { kind: 'foreign' };
  const kind = kindOf(key, dot + 1);
  const time = kind && parseTimestamp(key.slice(slash + 1, dot));
  if (!time) return { kind: 'foreign' };
  const name = key.slice(0, slash);
  const path = kind === 'backup' || kind === 'tombstone' ? oursAt(name) : pairAt(name);
  if (path === undefined) return { kind: 'foreign' };
  switch (kind) {
    case 'backup':
      return { kind, path, time, sha1: key.slice(dot + 1, dot + 41), algorithm: key.endsWith('.zst') ? 'zst' : 'gz' };
    case 'pair-data':
      return { kind, path, time, algorithm: key.endsWith('.sz') ? 'sz' : 'gz' };
    default:
      return { kind, path, time };
  }
}

/** What the end of a key, behind its timestamp and a dot, says that it is. */
function kindOf(key: string, at: number): Exclude<Key['kind'], 'own' | 'foreign'> | undefined {
  const length = key.length - at;
  if (length > 40) {
    if (!(length === 47 && key.endsWith('.wsp.gz')) && !(length === 48 && key.endsWith('.wsp.zst'))) return undefined;
    for (let i = at; i < at + 40; i++) if (!isLowerHex(key.charCodeAt(i))) return undefined;
    return 'backup';
  }
  switch (key.slice(at)) {
    case 'gone':
      return 'tombstone';
    case 'wsp.gz':
    case 'wsp.sz':
      return 'pair-data';
    case 'sha1':
      return 'pair-sha1';
    default:
      return undefined;
  }
}

function isLowerHex(unit: number): boolean {
  return (unit >= 0x30 && unit <= 0x39) || (unit >= 0x61 && unit <= 0x66);
}

/** The same function, which answers the same question twice without thinking. */
function rememberingLast<T>(compute: (text: string) => T): (text: string) => T {
  let last: { readonly text: string; readonly value: T } | undefined;
  return (text) => {
    if (last?.text !== text) last = { text, value: compute(text) };
    return last.value;
  };
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

/** Where the record of a run is kept, by the time when it ended. */
export function runKey(root: string, ended: Date): string {
  return ownKey(root, `runs/${formatTimestamp(ended)}.json`);
}

/** When the run ended whose record stands under a key, or undefined when it is no record. */
export function runEndOf(root: string, key: string): Date | undefined {
  const start = ownKey(root, 'runs/');
  if (!key.startsWith(start) || !key.endsWith('.json')) return undefined;
  return parseTimestamp(key.slice(start.length, -'.json'.length));
}

export function ownKey(root: string, name: 'owner.json' | 'partitions.json' | 'probe' | `runs/${string}`): string {
  return `${root}.whisper-backup/${name}`;
}
