import { lstat, readdir, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { codeOf } from '../common/errors.ts';
import { openDirectory } from './descent.ts';

/**
 * A temporary file of ours lives for moments. One this old is nobody's, whoever holds the run lock; in milliseconds.
 * Should that be wrong, because a file system hung or a clock jumped: who comes to publish it finds it gone, and writes
 * it again.
 */
export const STALE: number = 60 * 60 * 1000;

export interface SweepOptions {
  /** Only say what would be removed. */
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
}

/** What became of what killed runs left behind. */
export interface Swept {
  /** Where each was that was removed, or in a dry run would be. */
  readonly removed: readonly string[];
  /** Why others are still there. */
  readonly failures: readonly unknown[];
}

/** Removes those regular files and empty directories that are {@link STALE}. All else stays, and what is not there is fine. */
export async function sweep(paths: Iterable<string>, { dryRun, signal }: SweepOptions): Promise<Swept> {
  const removed: string[] = [];
  const failures: unknown[] = [];
  for (const path of paths) {
    signal?.throwIfAborted();
    try {
      if (await removeStale(path, dryRun)) removed.push(path);
    } catch (error) {
      // Gone, or somebody put something into it.
      if (!['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) failures.push(error);
    }
  }
  return { removed, failures };
}

/** By the descriptor of its directory: the owner of one above it may rename and link meanwhile. */
async function removeStale(path: string, dryRun: boolean): Promise<boolean> {
  const directory = openDirectory(dirname(path));
  try {
    const at = directory.at(basename(path));
    const stat = await lstat(at);
    if (Date.now() - stat.mtimeMs <= STALE) return false;
    if (stat.isFile()) {
      if (!dryRun) await unlink(at);
      return true;
    }
    if (!stat.isDirectory() || (await readdir(at)).length > 0) return false;
    if (!dryRun) await rmdir(at);
    return true;
  } finally {
    directory.close();
  }
}
