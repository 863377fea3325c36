import { lstat, readdir } from 'node:fs/promises';
import { codeOf } from '../../errors.ts';
import { compareKeys } from '../../order.ts';
import { quoted } from '../key.ts';
import type { ListRange, StoredObject } from '../store.ts';
import type { Directories } from './directories.ts';
import { bucketMissing, diskError } from './errors.ts';
import { isTemporary } from './path.ts';

/** How many files are looked at together. */
const BATCH = 256;

/** How many directories are read before they are needed, so that one file system call need not wait for the last. */
const READ_AHEAD = 8;

/**
 * Streams the regular files of a bucket as objects, ascending by the UTF-8 bytes of their keys. Holds the names of one
 * directory of each level, and of a few that come next.
 *
 * Left out are symbolic links and other special files, names that are not UTF-8, and what vanishes while we look.
 *
 * @throws DeniedError when a directory or file may not be looked at: a listing with holes would look like missing backups.
 */
export async function* listFiles(
  directories: Directories,
  store: string,
  range: ListRange,
): AsyncGenerator<StoredObject, void, void> {
  let ready: Promise<StoredObject[]> | undefined;
  for await (const keys of readKeys(directories, store, range)) {
    const next = Promise.all(keys.map((key) => look(directories.root, store, key))).then((found) =>
      found.filter((object) => object !== undefined),
    );
    // It is awaited one round later, or never, when the caller has had enough.
    next.catch(() => {});
    if (ready) yield* await ready;
    range.signal?.throwIfAborted();
    ready = next;
  }
  if (ready) yield* await ready;
}

async function look(root: string, store: string, key: string): Promise<StoredObject | undefined> {
  try {
    const stat = await lstat(`${root}/${key}`);
    return stat.isFile() ? { key, size: stat.size, modified: stat.mtime } : undefined;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw diskError(error, `list ${quoted(key)} of ${store}`);
  }
}

/** A directory under way: its names in order, those of directories with a slash behind, and what is read of them. */
interface Level {
  readonly prefix: string;
  readonly names: readonly string[];
  readonly ahead: Map<string, Promise<string[]>>;
  at: number;
}

/** The keys of a range in order, many at a time. */
async function* readKeys(
  directories: Directories,
  store: string,
  range: ListRange,
): AsyncGenerator<string[], void, void> {
  const { prefix = '', signal } = range;
  const read = (directory: string) => readNames(directories.root, store, directory, range);
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (!(await canStart(directories, start))) return;

  const levels: Level[] = [{ prefix: start, names: await read(start), ahead: new Map(), at: 0 }];
  let keys: string[] = [];
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const name = level.names[level.at++];
    if (name === undefined) {
      levels.pop();
    } else if (name.endsWith('/')) {
      signal?.throwIfAborted();
      readAhead(level, read);
      const names = await (level.ahead.get(name) ?? read(level.prefix + name));
      level.ahead.delete(name);
      levels.push({ prefix: level.prefix + name, names, ahead: new Map(), at: 0 });
    } else {
      keys.push(level.prefix + name);
      if (keys.length === BATCH) {
        yield keys;
        signal?.throwIfAborted();
        keys = [];
      }
    }
  }
  yield keys;
}

/** Begins to read the directory that `level` has come to, and the next few. */
function readAhead(level: Level, read: (directory: string) => Promise<string[]>): void {
  for (let i = level.at - 1; i < level.names.length && level.ahead.size < READ_AHEAD; i++) {
    const name = level.names[i];
    if (!name?.endsWith('/') || level.ahead.has(name)) continue;
    const names = read(level.prefix + name);
    // It is awaited when the walk comes to it, or never.
    names.catch(() => {});
    level.ahead.set(name, names);
  }
}

/** Whether the directory that a prefix names can have keys at all. */
async function canStart(directories: Directories, start: string): Promise<boolean> {
  if (start === '') {
    if ((await directories.standing(directories.root)) === 'missing') throw bucketMissing(directories.root);
    return true;
  }
  const names = start.slice(0, -1).split('/');
  if (start.includes('\0') || names.some((name) => name === '' || name === '.' || name === '..')) return false;
  if (isTemporary(start)) return false;
  return (await directories.standing(`${directories.root}/${start.slice(0, -1)}`)) === 'real';
}

/** The names in one directory that can matter to a range, in key order, those of directories with a slash behind. */
async function readNames(root: string, store: string, directory: string, range: ListRange): Promise<string[]> {
  const path = `${root}/${directory}`;
  const names: string[] = [];
  try {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const name = entry.isDirectory() ? `${entry.name}/` : entry.name;
      if (!entry.isDirectory() && !entry.isFile()) continue;
      if (!overlaps(directory + name, range) || isTemporary(directory + name)) continue;
      // What is not UTF-8 comes with U+FFFD in it. Files are looked at anyway, and are not found by such a name.
      if (entry.isDirectory() && name.includes('\ufffd') && !(await isDirectory(path + entry.name))) continue;
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
  return names.filter((name, i) => name !== names[i - 1]);
}

/** Whether a key, or any key below a directory (with its slash), is in a range. */
function overlaps(key: string, { prefix = '', startAfter, endBefore }: ListRange): boolean {
  const below = key.endsWith('/');
  if (!key.startsWith(prefix) && !(below && prefix.startsWith(key))) return false;
  if (startAfter !== undefined && compareKeys(key, startAfter) <= 0 && !(below && startAfter.startsWith(key))) {
    return false;
  }
  return endBefore === undefined || compareKeys(key, endBefore) < 0;
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}
