import { type Dirent, lstatSync, opendirSync, readdirSync, realpathSync, type Stats } from 'node:fs';
import { codeOf } from '../../../common/errors.ts';
import { compareKeys } from '../../../common/order.ts';
import { quoted } from '../../key.ts';
import type { ListRange } from '../../store.ts';
import { bucketMissing, diskError } from './errors.ts';
import { isTemporary } from './path.ts';

/** The task of a listing thread: plain data. */
export interface ListTask {
  /** The path of the bucket without links. */
  readonly root: string;
  /** Name of the store, for messages. */
  readonly store: string;
  readonly range: Omit<ListRange, 'signal'>;
}

/** An object, in a form that can be sent to another thread. */
export interface ListedFile {
  readonly key: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/**
 * Lists the regular files of a bucket, ascending by the UTF-8 bytes of their keys. Uses synchronous calls, which take a
 * fraction of the time of asynchronous ones: for a separate thread or a small bucket. Holds the names of one directory
 * per level in memory. Skips symbolic links, special files, names that are not UTF-8 and files that are removed
 * meanwhile.
 *
 * @throws DeniedError if a directory or file cannot be read: an incomplete listing would look like missing backups.
 */
export function* listNow(task: ListTask): Generator<ListedFile, void, void> {
  const start = startOf(task.range);
  if (canStart(task, start)) yield* listDirectory(task, start);
}

/** Returns the deepest directory that contains all keys of a range, with a slash; empty for the bucket itself. */
export function startOf({ prefix = '' }: ListTask['range']): string {
  return prefix.slice(0, prefix.lastIndexOf('/') + 1);
}

function* listDirectory(task: ListTask, directory: string): Generator<ListedFile, void, void> {
  for (const name of namesIn(task, directory)) {
    const key = directory + name;
    if (name.endsWith('/')) {
      yield* listDirectory(task, key);
      continue;
    }
    const stat = look(task, key);
    if (stat?.isFile()) yield { key, size: stat.size, mtimeMs: stat.mtimeMs };
  }
}

function look({ root, store }: ListTask, key: string): Stats | undefined {
  try {
    return lstatSync(`${root}/${key}`, { throwIfNoEntry: false });
  } catch (error) {
    if (isGone(error)) return undefined;
    throw diskError(error, `list ${quoted(key)} of ${store}`);
  }
}

/** Returns whether a directory with this name can contain keys. */
export function isPossibleStart(start: string): boolean {
  const names = start.split('/').slice(0, -1);
  if (start.includes('\0') || names.some((name) => name === '' || name === '.' || name === '..')) return false;
  return !isTemporary(start);
}

/** Returns whether the directory exists and its path has no symbolic link. */
function canStart({ root, store }: ListTask, start: string): boolean {
  if (!isPossibleStart(start)) return false;
  const path = start === '' ? root : `${root}/${start.slice(0, -1)}`;
  try {
    return realpathSync.native(path) === path || start === '';
  } catch (error) {
    if (start === '' && isGone(error)) throw bucketMissing(root, error);
    // Missing, or the path has a dangling link or a loop of links.
    if (isGone(error) || codeOf(error) === 'ELOOP') return false;
    throw diskError(error, `list ${quoted(start)} of ${store}`);
  }
}

/** Returns the names in a directory that may be in a range, in key order. Names of directories end with a slash. */
function namesIn({ root, store, range }: ListTask, directory: string): string[] {
  const path = `${root}/${directory}`;
  const names: string[] = [];
  try {
    for (const entry of directory === '' ? entriesOf(path) : readdirSync(path, { withFileTypes: true })) {
      const name = nameOf(entry);
      if (name === undefined || !overlaps(directory + name, range) || isTemporary(directory + name)) continue;
      // A name that is not UTF-8 contains U+FFFD after decoding, and does not exist. For files, lstat fails later
      // anyway.
      if (entry.isDirectory() && name.includes('\ufffd') && !isDirectory(path + entry.name)) continue;
      names.push(name);
    }
  } catch (error) {
    if (isGone(error)) return [];
    // fsck(8) creates it in the root of a file system, readable for root only.
    if (directory === 'lost+found/' && codeOf(error) === 'EACCES') return [];
    throw diskError(error, `list ${quoted(directory)} of ${store}`);
  }
  names.sort(compareKeys);
  // Names that are not UTF-8 may be equal after decoding.
  const isRepeated = names.some((name, i) => name === names[i - 1]);
  return isRepeated ? names.filter((name, i) => name !== names[i - 1]) : names;
}

/** A generator, because the bucket itself may have millions of entries. */
function* entriesOf(path: string): Generator<Dirent, void, void> {
  const handle = opendirSync(path, { bufferSize: 1024 });
  try {
    for (let entry = handle.readSync(); entry; entry = handle.readSync()) yield entry;
  } finally {
    handle.closeSync();
  }
}

function nameOf(entry: Dirent): string | undefined {
  if (entry.isDirectory()) return `${entry.name}/`;
  return entry.isFile() ? entry.name : undefined;
}

/** Returns whether a key, or any key below a directory with a slash, is in a range. */
function overlaps(key: string, { prefix = '', startAfter, endBefore }: ListTask['range']): boolean {
  const below = key.endsWith('/');
  if (!key.startsWith(prefix) && !(below && prefix.startsWith(key))) return false;
  if (startAfter !== undefined && compareKeys(key, startAfter) <= 0 && !(below && startAfter.startsWith(key))) {
    return false;
  }
  return endBefore === undefined || compareKeys(key, endBefore) < 0;
}

function isDirectory(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}

/** A part of a listing, in a form that is cheap to send to another thread. */
export interface ListBatch {
  readonly keys: string[];
  /** Two for each key: size, and modification time in milliseconds. */
  readonly figures: Float64Array<ArrayBuffer>;
}

const BATCH_OBJECTS = 200;

/** The first batch is small, so that its reader can start early. */
const FIRST_BATCH_OBJECTS = 50;

export function* pack(task: ListTask): Generator<ListBatch, void, void> {
  let most = FIRST_BATCH_OBJECTS;
  let batch = emptyBatch(most);
  for (const { key, size, mtimeMs } of listNow(task)) {
    const at = batch.keys.push(key) - 1;
    batch.figures[2 * at] = size;
    batch.figures[2 * at + 1] = mtimeMs;
    if (at + 1 < most) continue;
    yield batch;
    most = BATCH_OBJECTS;
    batch = emptyBatch(most);
  }
  yield batch;
}

export function transferOf(batch: ListBatch): ArrayBuffer[] {
  return [batch.figures.buffer];
}

function emptyBatch(most: number): ListBatch {
  return { keys: [], figures: new Float64Array(2 * most) };
}
