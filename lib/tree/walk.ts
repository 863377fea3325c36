import type { Dirent } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { metricOf } from '../bucket/layout.ts';
import { WhisperBackupError } from '../errors.ts';
import type { Ordered } from '../merge.ts';
import { compareKeys } from '../order.ts';

/** A `.wsp` file of the local tree, or something that calls itself one. */
export interface LocalFile extends Ordered {
  readonly kind: 'file';
  readonly metric: string;
  /** Below the prefix, without `.wsp`. */
  readonly path: string;
  /** Where it is. */
  readonly file: string;
  /** When it was asked for: undefined where stat(2) failed, as of a dangling link or a file that has vanished since. */
  readonly stat?: FileStat | undefined;
}

/**
 * What stat(2) says of a file, or of what a link leads to. All are doubles: times since 1970 in milliseconds are exact to
 * about 0.25 microseconds, not to the nanosecond, and inodes beyond 2 ** 53 are rounded. Equal files give equal figures
 * on one runtime; Deno tells whole milliseconds, so a cache must not be shared between runtimes unawares.
 */
export interface FileStat {
  /** In bytes. */
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
}

export interface WalkOptions {
  /** Look at each file too. @default false */
  readonly stat?: boolean;
  /** Ends the walk at once, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A part of the tree that cannot be told: nothing below it may be called missing. */
export interface BlindSpot extends Ordered {
  readonly kind: 'blind';
  /** What every metric below it begins with; empty when its name has no UTF-8 form, and so no metric could be stored. */
  readonly metricPrefix: string;
  readonly file: string;
  readonly error: Error;
}

const SUFFIX = '.wsp';

/**
 * Walks the tree below `prefix` in the order in which a bucket lists its metrics, so that both can be merged. Holds the
 * names of one directory a level. Symbolic links to files are followed, those to directories are not.
 *
 * The order: by the UTF-8 bytes of the metric's name with `/` behind it. Inside one directory that is its encoded name,
 * with `.` after a directory and `/` after a file.
 *
 * @throws when `prefix` itself cannot be listed.
 */
export async function* walk(prefix: string, options: WalkOptions = {}): AsyncGenerator<LocalFile | BlindSpot> {
  const root = prefix.replace(/\/+$/, '') || '/';
  for await (const item of walkDirectory(root, '', await readdir(root, { withFileTypes: true }))) {
    options.signal?.throwIfAborted();
    if (item.kind === 'file' && options.stat) yield { ...item, stat: await statOf(item.file) };
    else yield item;
  }
}

async function statOf(file: string): Promise<FileStat | undefined> {
  try {
    const { size, mtimeMs, ctimeMs, ino } = await stat(file);
    return { size, mtimeMs, ctimeMs, ino };
  } catch {
    return undefined;
  }
}

async function* walkDirectory(
  directory: string,
  below: string,
  entries: Dirent[],
): AsyncGenerator<LocalFile | BlindSpot> {
  const sorted = entries
    .map((entry) => orderedEntry(entry, below))
    .filter((entry) => entry !== undefined)
    .sort((a, b) => compareKeys(a.order, b.order));
  for (const [i, { order, name, isDirectory }] of sorted.entries()) {
    const file = `${directory}/${name}`;
    const isRepeated = order === sorted[i - 1]?.order;
    // A network file system may tell a name twice.
    if (isRepeated && !name.includes('\ufffd')) continue;
    if (name.includes('\ufffd') && (isRepeated || !(await exists(file)))) {
      // Decoding put the replacement character there: the name on disk is other bytes, and no key can hold it. Several
      // names may look the same then, and at most one of them is what it looks like.
      yield { kind: 'blind', order, metricPrefix: '', file, error: notUtf8(file) };
    } else if (isDirectory) {
      try {
        const inner = await readdir(file, { withFileTypes: true });
        yield* walkDirectory(file, `${below}${name}/`, inner);
      } catch (error) {
        if (isGone(error)) continue;
        if (!(error instanceof Error) || !('syscall' in error)) throw error;
        yield { kind: 'blind', order, metricPrefix: order, file, error };
      }
    } else {
      const path = `${below}${name.slice(0, -SUFFIX.length)}`;
      yield { kind: 'file', order, metric: order.slice(0, -1), path, file };
    }
  }
}

/** What a directory entry is to the walk; undefined when it is none of its business. */
function orderedEntry(entry: Dirent, below: string): { order: string; name: string; isDirectory: boolean } | undefined {
  const { name } = entry;
  if (entry.isDirectory()) return { order: `${metricOf(below + name)}.`, name, isDirectory: true };
  if (!name.endsWith(SUFFIX)) return undefined;
  return { order: `${metricOf(below + name.slice(0, -SUFFIX.length))}/`, name, isDirectory: false };
}

async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    (error) => !isGone(error),
  );
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function notUtf8(file: string): Error {
  return new WhisperBackupError('NAME_NOT_UTF8', `Cannot back up ${file}: its name is not UTF-8: rename it`);
}

/**
 * Whether a file is there: `missing` only when the system says so (ENOENT), `present` when it is, and `unknown` for
 * everything else, so that a tree that cannot be read is never taken for an empty one.
 */
export async function presence(file: string): Promise<'present' | 'missing' | 'unknown'> {
  try {
    await lstat(file);
    return 'present';
  } catch (error) {
    return isGone(error) ? 'missing' : 'unknown';
  }
}

/** @throws when the prefix is not a directory that can be listed. */
export async function checkPrefix(prefix: string): Promise<void> {
  const found = await stat(prefix).catch((cause) => {
    throw new WhisperBackupError('TREE_MISSING', `Cannot read the local tree: ${prefix} (--prefix): ${cause.message}`, {
      cause,
    });
  });
  if (!found.isDirectory())
    throw new WhisperBackupError('TREE_MISSING', `Cannot read the local tree: ${prefix} (--prefix) is not a directory`);
}
