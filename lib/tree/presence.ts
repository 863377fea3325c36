import { lstat, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, pathReason, WhisperBackupError } from '../common/errors.ts';
import { openDirectory } from '../system/descent.ts';
import { currentUser } from '../system/link-rule.ts';

export type Presence = 'present' | 'missing' | 'unknown';

/**
 * Checks whether a file exists. Returns `missing` only if the error is ENOENT and no link on its path dangles, and
 * `unknown` for all other errors, so that an unreadable tree never counts as empty.
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

async function isBelowDanglingLink(file: string): Promise<boolean> {
  for (let path = dirname(file); path !== dirname(path); path = dirname(path)) {
    try {
      const isLink = (await lstat(path)).isSymbolicLink();
      return isLink && !(await stat(path)).isDirectory();
    } catch (error) {
      // Either a dangling link or an unknown error, not a missing directory.
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
 * Checks that the prefix is a directory.
 *
 * @throws WhisperBackupError `TREE_MISSING` if it is not, `UNTRUSTED_LINK` if it is a link that root must not follow.
 */
export async function checkPrefix(prefix: string): Promise<void> {
  const found = await stat(prefix).catch((cause) => {
    const remedy = codeOf(cause) === 'ENOENT' ? 'mount or create it, or check --prefix' : 'check --prefix';
    const message = `Cannot read the local tree: ${prefix} (--prefix): ${pathReason(cause)}: ${remedy}`;
    throw new WhisperBackupError('TREE_MISSING', message, { cause });
  });
  if (!found.isDirectory())
    throw new WhisperBackupError('TREE_MISSING', `Cannot read the local tree: ${prefix} (--prefix) is not a directory`);
  if (currentUser() === 0) openDirectory(prefix).close();
}

/**
 * Returns whether another local file than `path` has the same name in the Python tool, which wrote `a.b/c`, `a/b.c` and
 * `a/b/c` all as `a.b.c`. A pair with that name may be the backup of that file, so it must not count as missing.
 */
export async function sharesPythonName(prefix: string, path: string): Promise<boolean> {
  return existsInAnyForm(prefix, path.split('/'));
}

/** The longest file name on Linux. For a longer one the error of lstat(2) is not ENOENT. */
const MAX_NAME_BYTES = 255;

/** Tries every way to join the names with dots and slashes, but only below existing directories. */
async function existsInAnyForm(directory: string, names: readonly string[]): Promise<boolean> {
  const file = `${names.join('.')}.wsp`;
  if (Buffer.byteLength(file) <= MAX_NAME_BYTES && (await presence(join(directory, file))) !== 'missing') return true;
  for (let count = 1; count < names.length; count++) {
    const name = names.slice(0, count).join('.');
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) return false;
    const inner = join(directory, name);
    if ((await presence(inner)) === 'missing') continue;
    if (await existsInAnyForm(inner, names.slice(count))) return true;
  }
  return false;
}
