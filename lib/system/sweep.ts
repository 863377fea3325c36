import { lstat, readdir, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { codeOf } from '../common/errors.ts';
import { openDirectory } from './descent.ts';

/**
 * Temporary files live for seconds, so an older one was left by a killed run. If a file system hung or a clock jumped
 * and a file is still in use, its writer finds it missing and writes it again.
 */
const STALE_AFTER_MS: number = 60 * 60 * 1000;

export interface SweepOptions {
  /** Return what would be removed, without removing it. */
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
}

export interface Swept {
  /** Paths that were removed, or would be in a dry run. */
  readonly removed: readonly string[];
  readonly failures: readonly unknown[];
}

/** Removes regular files and empty directories older than {@link STALE_AFTER_MS}. Ignores other and missing paths. */
export async function sweep(paths: Iterable<string>, { dryRun, signal }: SweepOptions): Promise<Swept> {
  const removed: string[] = [];
  const failures: unknown[] = [];
  for (const path of paths) {
    signal?.throwIfAborted();
    try {
      if (await removeStale(path, dryRun)) removed.push(path);
    } catch (error) {
      // Another process removed it, or created a file in it.
      if (!['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) failures.push(error);
    }
  }
  return { removed, failures };
}

/** Works through the descriptor of the directory, because the owner of a parent may rename or replace it meanwhile. */
async function removeStale(path: string, dryRun: boolean): Promise<boolean> {
  const directory = openDirectory(dirname(path));
  try {
    const at = directory.at(basename(path));
    const stat = await lstat(at);
    if (Date.now() - stat.mtimeMs <= STALE_AFTER_MS) return false;
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
