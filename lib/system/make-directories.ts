import type { Stats } from 'node:fs';
import { lstat, mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { codeOf, WhisperBackupError } from '../common/errors.ts';
import { danglingLink } from './link-rule.ts';

/**
 * Creates a directory and its missing parents. Does not use the `recursive` option of mkdir, which loops for ever below
 * /proc and reports ENOENT on a full or read-only disk.
 *
 * @param mode mode of each created directory.
 * @throws WhisperBackupError `NOT_A_DIRECTORY` or `DANGLING_LINK` if one of the names is a file or a dangling link.
 */
export async function makeDirectories(path: string, mode: number): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(path); !(await isDirectory(at)); at = dirname(at)) missing.push(at);
  for (const directory of missing.reverse()) {
    try {
      await mkdir(directory, { mode });
    } catch (error) {
      // EEXIST is fine if another process has just created it.
      if (codeOf(error) !== 'EEXIST' || !(await isDirectory(directory))) throw error;
    }
  }
}

/** @returns false if the name does not exist. */
async function isDirectory(path: string): Promise<boolean> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch (cause) {
    // A parent is a file: the check of that parent reports it.
    if (codeOf(cause) === 'ENOTDIR') return false;
    if (codeOf(cause) !== 'ENOENT') throw cause;
    if (!(await isLink(path))) return false;
    throw danglingLink(path, { cause });
  }
  if (found.isDirectory()) return true;
  throw new WhisperBackupError('NOT_A_DIRECTORY', `${path} is not a directory`);
}

/** A mere check for existence would not do: another process may have created the directory meanwhile. */
function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
}
