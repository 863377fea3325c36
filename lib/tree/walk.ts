import { lstat, stat } from 'node:fs/promises';
import { codeOf, WhisperBackupError } from '../errors.ts';
import { stream } from '../stream/stream.ts';
import { isSmallTree } from '../system/smalltree.ts';
import { type BlindSpot, type LocalFile, walkNow } from './localtree.ts';
import { unpack, type WalkBatch, type WalkTask } from './walkbatch.ts';

export type { BlindSpot, LocalFile } from './localtree.ts';

export interface WalkOptions {
  /** Look at each file too. @default false */
  readonly stat?: boolean;
  /** Told of what has the name of a temporary file or directory of ours, perhaps ahead of the files before it. */
  readonly onTemporary?: (path: string) => void;
  /** Ends the walk at once, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** As TypeScript, or as built by `scripts/build.ts`. */
const THREAD = import.meta.url.endsWith('.ts') ? './walkthread.ts' : './walkthread.mjs';

/**
 * Walks the tree below `prefix` in the order in which a bucket lists its metrics, so that both can be merged. Holds the
 * names of one directory a level, and is some hundred files ahead of its reader at most: a thread does the walking,
 * unless the tree is small. Symbolic links to files are followed, those to directories are not.
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
  const task: WalkTask = { root: prefix.replace(/\/+$/, '') || '/', stat: options.stat ?? false };
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
 * Whether a file is there: `missing` only when the system says so (ENOENT), `present` when it is, and `unknown` for
 * everything else, so that a tree that cannot be read is never taken for an empty one.
 */
export async function presence(file: string): Promise<Presence> {
  try {
    await lstat(file);
    return 'present';
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? 'missing' : 'unknown';
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
