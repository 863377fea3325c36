import type { Stats } from 'node:fs';
import { lstat, mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { codeOf, WhisperBackupError } from '../common/errors.ts';

/**
 * Makes a directory and those above it that are missing. Not mkdir's own `recursive`: that one spins for ever below
 * /proc, and reports ENOENT on a disk that is full or read-only.
 *
 * @param mode of each directory that is made.
 * @throws WhisperBackupError `NOT_A_DIRECTORY` or `DANGLING_LINK` for something else in the place of one of them, or the
 *   system's error.
 */
export async function makeDirectories(path: string, mode: number): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(path); !(await isDirectory(at)); at = dirname(at)) missing.push(at);
  for (const directory of missing.reverse()) {
    try {
      await mkdir(directory, { mode });
    } catch (error) {
      // Another process made it.
      if (codeOf(error) !== 'EEXIST' || !(await isDirectory(directory))) throw error;
    }
  }
}

/** @returns false if there is nothing of that name. */
async function isDirectory(path: string): Promise<boolean> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch (cause) {
    // A file stands above it: the look at that one reports it.
    if (codeOf(cause) === 'ENOTDIR') return false;
    if (codeOf(cause) !== 'ENOENT') throw cause;
    if (!(await isLink(path))) return false;
    const remedy = 'mount or create what it links to, or remove the link';
    throw new WhisperBackupError('DANGLING_LINK', `${path} is a symbolic link to nothing: ${remedy}`, { cause });
  }
  if (found.isDirectory()) return true;
  throw new WhisperBackupError('NOT_A_DIRECTORY', `${path} is not a directory`);
}

/** Not whether anything is there: another process may have made the directory meanwhile. */
function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
}
