import { InvalidOptionError } from '../common/errors.ts';
import type { PlaceOptions } from '../common/options.ts';
import { formatTimestamp, parseTimestamp } from '../common/timestamp.ts';
import type { Algorithm } from '../compress/codec.ts';
import { metricOf, pathOf, pythonNameOf, pythonPathOf } from './metric-name.ts';

/* The format of keys in a bucket. Only this file knows it. A *root* is the part of a key before the metric. */

/** The maximum size of a key in S3 and Swift, in UTF-8 bytes. */
export const KEY_BYTES = 1024;

/** The format of backups in a bucket: our own, or the pairs of the Python tool. */
export type Layout = 'native' | 'python';

/** A parsed key. Its path was checked and does not lead out of the prefix. */
export type Key =
  | { kind: 'backup'; path: string; time: Date; sha1: string; algorithm: Algorithm }
  /** The state of a file that a restore has replaced. */
  | { kind: 'replaced'; path: string; time: Date; sha1: string; algorithm: Algorithm }
  | { kind: 'tombstone'; path: string; time: Date }
  | { kind: 'pair-data'; path: string; time: Date; algorithm: Algorithm }
  | { kind: 'pair-sha1'; path: string; time: Date }
  /** Below `.whisper-backup/`: an object of the tool itself. */
  | { kind: 'own' }
  /** Written by something else: ignored, counted, never deleted. */
  | { kind: 'foreign' };

/**
 * Returns the common prefix of all keys: the storage path with a slash, or the raw storage path unchanged.
 *
 * @throws InvalidOptionError if a part of the path is empty, `.` or `..`: stores would change it or refuse it.
 */
export function rootOf(place: PlaceOptions): string {
  const raw = place.storagePathRaw ?? '';
  if (raw !== '') {
    checkParts('storage-path-raw', raw, raw.replace(/^\//, '').split('/').slice(0, -1));
    return raw;
  }
  const path = (place.storagePath ?? '').replace(/^\/+|\/+$/g, '');
  if (path === '') return '';
  checkParts('storage-path', path, path.split('/'));
  return `${path}/`;
}

function checkParts(option: string, path: string, parts: readonly string[]): void {
  const bad = parts.find((part) => part === '' || part === '.' || part === '..');
  if (bad === undefined) return;
  const what = bad === '' ? 'an empty part' : `the part "${bad}"`;
  throw new InvalidOptionError(
    `Cannot use --${option} ${JSON.stringify(path)}: it has ${what}, which stores change or refuse: leave it out`,
  );
}

/** The backups of a metric are adjacent in a listing, so the same name is decoded many times in a row. */
const cachedPathOf = cacheLast(pathOf);
const cachedPythonPathOf = cacheLast(pythonPathOf);

const TIMESTAMP = 25;

/** The end of the keys of replaced files: no release before knows it, nor do scripts that look for `.wsp.gz`. */
const REPLACED = '.replaced';

/**
 * Parses a key without its root: `<metric>/<timestamp>.<sha1>.wsp.gz`, the same with `.replaced`,
 * `<metric>/<timestamp>.gone`, or a key of the Python tool. The Python tool never wrote `.zst`, and we never write `.sz`.
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
  const isPythons = kind === 'pair-data' || kind === 'pair-sha1';
  const path = isPythons ? cachedPythonPathOf(name) : cachedPathOf(name);
  if (path === undefined) return { kind: 'foreign' };
  switch (kind) {
    case 'backup':
    case 'replaced':
      return {
        ...{ kind, path, time, sha1: key.slice(dot + 1, dot + 41) },
        algorithm: key.startsWith('zst', dot + 46) ? 'zst' : 'gz',
      };
    case 'pair-data':
      return { kind, path, time, algorithm: key.endsWith('.sz') ? 'sz' : 'gz' };
    default:
      return { kind, path, time };
  }
}

/** Determines the kind of a key from its end. @param at index after the timestamp and the dot. */
function kindOf(key: string, at: number): Exclude<Key['kind'], 'own' | 'foreign'> | undefined {
  if (key.length - at > 40) {
    const isReplaced = key.endsWith(REPLACED);
    const length = key.length - at - (isReplaced ? REPLACED.length : 0);
    const isCompressed =
      (length === 47 && key.startsWith('.wsp.gz', at + 40)) || (length === 48 && key.startsWith('.wsp.zst', at + 40));
    if (!isCompressed) return undefined;
    for (let i = at; i < at + 40; i++) if (!isLowerHex(key.charCodeAt(i))) return undefined;
    return isReplaced ? 'replaced' : 'backup';
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

function cacheLast<T>(compute: (text: string) => T): (text: string) => T {
  let last: { readonly text: string; readonly value: T } | undefined;
  return (text) => {
    if (last?.text !== text) last = { text, value: compute(text) };
    return last.value;
  };
}

export function backupKey(root: string, path: string, timestamp: string, sha1: string, algorithm: Algorithm): string {
  return `${root}${metricOf(path)}/${timestamp}.${sha1}.wsp.${algorithm}`;
}

/** Returns the key of a file that a restore replaces, from that of a backup of it. */
export function replacedKey(backupKey: string): string {
  return `${backupKey}${REPLACED}`;
}

export function tombstoneKey(root: string, path: string, timestamp: string): string {
  return `${root}${metricOf(path)}/${timestamp}.gone`;
}

export function pairKeys(root: string, path: string, timestamp: string): { data: string; sha1: string } {
  const stem = `${root}${pythonNameOf(path)}/${timestamp}`;
  return { data: `${stem}.wsp.gz`, sha1: `${stem}.sha1` };
}

/**
 * Returns the key to which a damaged object is moved. It ends with `.damaged`, because the Python tool would read a key
 * ending with `.sha1` as that of a metric, and its restore would fail on it.
 */
export function quarantineKey(root: string, key: string): string {
  return `${root}.whisper-backup/quarantine/${key.slice(root.length)}.damaged`;
}

export function runKey(root: string, ended: Date): string {
  return ownKey(root, `runs/${formatTimestamp(ended)}.json`);
}

/** Returns the end time of the run from the key of its record; undefined if the key is not that of a record. */
export function runEndOf(root: string, key: string): Date | undefined {
  const start = ownKey(root, 'runs/');
  if (!key.startsWith(start) || !key.endsWith('.json')) return undefined;
  return parseTimestamp(key.slice(start.length, -'.json'.length));
}

/** @param until the time of the journal run. @param name `index.json` or that of a part. */
export function journalKey(root: string, until: Date, name: string): string {
  return ownKey(root, `journal/${formatTimestamp(until)}/${name}`);
}

/** The prefix of the keys of all journal runs. */
export function journalPrefix(root: string): string {
  return ownKey(root, 'journal/');
}

/** Parses the key of an object of a journal run; undefined if the key is not one. */
export function journalRunOf(root: string, key: string): { readonly until: Date; readonly name: string } | undefined {
  const start = journalPrefix(root);
  const until = key.startsWith(start) ? parseTimestamp(key.slice(start.length, start.length + TIMESTAMP)) : undefined;
  const name = key.slice(start.length + TIMESTAMP + 1);
  if (!until || key[start.length + TIMESTAMP] !== '/' || name === '' || name.includes('/')) return undefined;
  return { until, name };
}

/** The names that a hold may have. They are part of a key, and words of a command line. */
export const HOLD_NAME: RegExp = /^[A-Za-z\d][\w.:+-]{0,127}$/;

export function holdKey(root: string, name: string): string {
  return ownKey(root, `holds/${name}.json`);
}

/** The prefix of the keys of all holds. */
export function holdsPrefix(root: string): string {
  return ownKey(root, 'holds/');
}

/** Returns the name of a hold from its key; undefined if the key is not that of a hold. */
export function holdNameOf(root: string, key: string): string | undefined {
  const start = holdsPrefix(root);
  const name = key.startsWith(start) && key.endsWith('.json') ? key.slice(start.length, -'.json'.length) : '';
  return HOLD_NAME.test(name) ? name : undefined;
}

export function ownKey(
  root: string,
  name:
    | 'owner.json'
    | 'partitions.json'
    | `probe-${string}`
    | `runs/${string}`
    | `journal/${string}`
    | `holds/${string}`,
): string {
  return `${ownPrefix(root)}${name}`;
}

/** The common prefix of the tool's own objects. */
export function ownPrefix(root: string): string {
  return `${root}.whisper-backup/`;
}
