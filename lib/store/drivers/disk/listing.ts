import { type Dirent, lstatSync, opendirSync, readdirSync, realpathSync, type Stats } from 'node:fs';
import { codeOf } from '../../../common/errors.ts';
import { compareKeys } from '../../../common/order.ts';
import { quoted } from '../../key.ts';
import type { ListRange } from '../../store.ts';
import { bucketMissing, diskError } from './errors.ts';
import { isTemporary } from './path.ts';

/** What to list. It crosses to a thread, so it is plain data. */
export interface ListTask {
  /** The bucket, as realpath(3) gives it. */
  readonly root: string;
  /** What messages call the store. */
  readonly store: string;
  readonly range: Omit<ListRange, 'signal'>;
}

/** An object as it crosses to another thread. */
export interface ListedFile {
  readonly key: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/**
 * The listing itself, in synchronous calls, which take a fraction of the time of others: for a thread of its own, or a
 * bucket that is known to be small. Goes through the regular files of a bucket, ascending by the UTF-8 bytes of their
 * keys, and holds the names of one directory of each level.
 *
 * Left out are symbolic links and other special files, names that are not UTF-8, and what vanishes while it looks.
 *
 * @throws DeniedError when a directory or file may not be looked at: a listing with holes would look like missing backups.
 */
export function* listNow(task: ListTask): Generator<ListedFile, void, void> {
  const start = startOf(task.range);
  if (canStart(task, start)) yield* listDirectory(task, start);
}

/** The deepest directory that has all keys of a range, with its slash; empty for the bucket itself. */
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

/** Whether a prefix that begins with this directory can have keys at all, going by its name. */
export function isPossibleStart(start: string): boolean {
  const names = start.split('/').slice(0, -1);
  if (start.includes('\0') || names.some((name) => name === '' || name === '.' || name === '..')) return false;
  return !isTemporary(start);
}

/** Whether it is there, and reached without a symbolic link. */
function canStart({ root, store }: ListTask, start: string): boolean {
  if (!isPossibleStart(start)) return false;
  const path = start === '' ? root : `${root}/${start.slice(0, -1)}`;
  try {
    return realpathSync.native(path) === path || start === '';
  } catch (error) {
    if (start === '' && isGone(error)) throw bucketMissing(root, error);
    // Not there, or behind a link that leads nowhere or round in a circle.
    if (isGone(error) || codeOf(error) === 'ELOOP') return false;
    throw diskError(error, `list ${quoted(start)} of ${store}`);
  }
}

/** The names in one directory that can matter to a range, in key order, those of directories with a slash behind. */
function namesIn({ root, store, range }: ListTask, directory: string): string[] {
  const path = `${root}/${directory}`;
  const names: string[] = [];
  try {
    for (const entry of directory === '' ? entriesOf(path) : readdirSync(path, { withFileTypes: true })) {
      const name = nameOf(entry);
      if (name === undefined || !overlaps(directory + name, range) || isTemporary(directory + name)) continue;
      // What is not UTF-8 comes with U+FFFD in it. Files are looked at anyway, and are not found by such a name.
      if (entry.isDirectory() && name.includes('\ufffd') && !isDirectory(path + entry.name)) continue;
      names.push(name);
    }
  } catch (error) {
    if (isGone(error)) return [];
    // Made by the file system in its own root, for its repair tools alone, and readable to root only.
    if (directory === 'lost+found/' && codeOf(error) === 'EACCES') return [];
    throw diskError(error, `list ${quoted(directory)} of ${store}`);
  }
  names.sort(compareKeys);
  // Two names that are not UTF-8 may look the same.
  const isRepeated = names.some((name, i) => name === names[i - 1]);
  return isRepeated ? names.filter((name, i) => name !== names[i - 1]) : names;
}

/** Entries that come and go one by one: the bucket itself may have millions, and each takes more than its name. */
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

/** Whether a key, or any key below a directory (with its slash), is in a range. */
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

/** A part of a listing as it crosses to another thread: few objects, each of them cheap to copy or handed over. */
export interface ListBatch {
  readonly keys: string[];
  /** Two for each key: size, and modification time in milliseconds. */
  readonly figures: Float64Array<ArrayBuffer>;
}

/** Objects in a batch. */
const MOST = 200;

/** The first is small, so that its reader can begin. */
const FIRST = 50;

export function* pack(task: ListTask): Generator<ListBatch, void, void> {
  let most = FIRST;
  let batch = emptyBatch(most);
  for (const { key, size, mtimeMs } of listNow(task)) {
    const at = batch.keys.push(key) - 1;
    batch.figures[2 * at] = size;
    batch.figures[2 * at + 1] = mtimeMs;
    if (at + 1 < most) continue;
    yield batch;
    most = MOST;
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
