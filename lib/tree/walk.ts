import { stream } from '../stream/stream.ts';
import { isSmallTree } from '../system/small-tree.ts';
import { type BlindSpot, type LocalFile, walkNow } from './local-tree.ts';
import { unpack, type WalkBatch, type WalkTask } from './walk-batch.ts';

export type { BlindSpot, LocalFile } from './local-tree.ts';

interface WalkOptions {
  /** Call stat(2) for each file. @default false */
  readonly stat?: boolean;
  /** Directories to skip, as the common prefix of all metrics below each: `servers.old.`. @default none */
  readonly skip?: readonly string[];
  /** Called with each leftover temporary file or directory of ours, possibly before earlier files are yielded. */
  readonly onTemporary?: (path: string) => void;
  readonly signal?: AbortSignal;
}

const THREAD = import.meta.url.endsWith('.ts') ? './walk-thread.ts' : './walk-thread.mjs';

/**
 * Walks the tree below `prefix`, by the page, in the order in which a bucket lists its metrics, so that both can be
 * merged. A separate thread does this, unless the tree is small. It holds the names of one directory per level in
 * memory, and is at most a few hundred files ahead of the reader. Follows symbolic links to files, and to directories
 * if `mayFollow` allows it. A link that dangles, leads to one of its ancestors or must not be followed is a blind spot.
 *
 * The order is that of the UTF-8 bytes of the metric's name followed by `/`. Inside a directory this is the order of
 * the encoded names, with `.` after a directory and `/` after a file.
 *
 * @throws Error of the system if `prefix` itself cannot be listed.
 * @throws WhisperBackupError `THREAD_FAILED`
 */
export async function* walk(
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
