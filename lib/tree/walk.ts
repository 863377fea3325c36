import { lstat, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import { stream } from '../stream/stream.ts';
import { openDirectory } from '../system/descent.ts';
import { currentUser } from '../system/link-rule.ts';
import { isSmallTree } from '../system/small-tree.ts';
import { type BlindSpot, type LocalFile, walkNow } from './local-tree.ts';
import { unpack, type WalkBatch, type WalkTask } from './walk-batch.ts';

export type { BlindSpot, LocalFile } from './local-tree.ts';

export interface WalkOptions {
  /** Look at each file too. @default false */
  readonly stat?: boolean;
  /** Directories that are not read, by what every metric below them begins with: `servers.old.`. @default none */
  readonly skip?: readonly string[];
  /** Told of what has the name of a temporary file or directory of ours, perhaps ahead of the files before it. */
  readonly onTemporary?: (path: string) => void;
  /** Ends the walk at once, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** As TypeScript, or as built by `scripts/build.ts`. */
const THREAD = import.meta.url.endsWith('.ts') ? './walk-thread.ts' : './walk-thread.mjs';

/**
 * Walks the tree below `prefix` in the order in which a bucket lists its metrics, so that both can be merged. Holds the
 * names of one directory a level, and is some hundred files ahead of its reader at most: a thread does the walking,
 * unless the tree is small. Symbolic links to files and to directories are followed, the latter by the rule of
 * `mayFollow`; one that dangles, leads back to a directory that it is in, or may not be followed is a blind spot.
 *
 * The order: by the UTF-8 bytes of the metric's name with `/` behind it. Inside one directory that is its encoded name,
 * with `.` after a directory and `/` after a file.
 *
 * @throws when `prefix` itself cannot be listed; WhisperBackupError `THREAD_FAILED`; the signal's reason.
 */
export async function* walk(prefix: string, options: WalkOptions = {}): AsyncGenerator<LocalFile | BlindSpot> {
  for await (const items of walkPages(prefix, options)) {
    for (const item of items) {
      options.signal?.throwIfAborted();
      yield item;
    }
  }
}

/** The same in arrays of neighbours. */
export async function* walkPages(
  prefix: string,
  options: WalkOptions = {},
): AsyncGenerator<readonly (LocalFile | BlindSpot)[]> {
  const { signal, onTemporary } = options;
  const task: WalkTask = {
    root: prefix.replace(/\/+$/, '') || '/',
    stat: options.stat ?? false,
    skip: options.skip ?? [],
  };
  if (await isSmallTree(task.root, signal)) {
    yield [...walkNow(task.root, { ...task, ...(onTemporary && { onTemporary }) })];
    return;
  }
  for await (const batch of stream<WalkBatch>({ entry: new URL(THREAD, import.meta.url), task, signal })) {
    if (onTemporary) for (const path of batch.temporary) onTemporary(path);
    yield [...unpack(batch, task)];
  }
}

export type Presence = 'present' | 'missing' | 'unknown';

/**
 * Whether a file is there: `missing` only when the system says so (ENOENT) and no link on the way to it dangles,
 * `present` when it is, and `unknown` for everything else, so that a tree that cannot be read is never taken for an
 * empty one.
 */
export async function presence(file: string): Promise<Presence> {
  try {
    await lstat(file);
    return 'present';
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') return 'unknown';
    return (await isBelowDanglingLink(file)) ? 'unknown' : 'missing';
  }
}

/** @param file one that is missing. */
async function isBelowDanglingLink(file: string): Promise<boolean> {
  for (let path = dirname(file); path !== dirname(path); path = dirname(path)) {
    try {
      const isLink = (await lstat(path)).isSymbolicLink();
      return isLink && !(await stat(path)).isDirectory();
    } catch (error) {
      // Not a directory that is missing, but where a link leads to, or something that cannot be known.
      if (codeOf(error) !== 'ENOENT' || (await isThere(path))) return true;
    }
  }
  return false;
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/**
 * @throws WhisperBackupError `TREE_MISSING` when the prefix is not a directory, `UNTRUSTED_LINK` when root may not follow
 *   a link to it.
 */
export async function checkPrefix(prefix: string): Promise<void> {
  const found = await stat(prefix).catch((cause) => {
    const why =
      codeOf(cause) === 'ENOENT' ? 'it does not exist: mount or create it, or check --prefix' : reasonOf(cause);
    throw new WhisperBackupError('TREE_MISSING', `Cannot read the local tree: ${prefix} (--prefix): ${why}`, { cause });
  });
  if (!found.isDirectory())
    throw new WhisperBackupError('TREE_MISSING', `Cannot read the local tree: ${prefix} (--prefix) is not a directory`);
  if (currentUser() === 0) openDirectory(prefix).close();
}
