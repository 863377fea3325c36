import { errorOf, libc, systemError } from './libc.ts';

/** Paths are taken as they are, not below an open directory. */
const AT_FDCWD = -100;
const RENAME_NOREPLACE = 1;

/**
 * Renames a file if there is none of the new name: renameat2(2), on Linux.
 *
 * @throws Error with the operating system's `code`: `EEXIST` when there is one; `EINVAL`, `ENOSYS` or `ENOTSUP` when the
 *   file system or the C library cannot do that.
 */
export function renameNew(from: string, to: string): void {
  const context = `cannot rename, renameat2 '${to}'`;
  if (renameat2(context)(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) !== 0) throw systemError(context);
}

function renameat2(context: string) {
  try {
    return libc.renameat2;
  } catch {
    // Not Linux, or a C library from before 2018.
    throw errorOf('ENOSYS', context);
  }
}
