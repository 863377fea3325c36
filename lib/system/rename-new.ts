import { errorOf, libc, systemError } from './libc.ts';

const AT_FDCWD = -100;
const RENAME_NOREPLACE = 1;

/**
 * Renames a file unless the new name exists, with renameat2(2) of Linux.
 *
 * @throws Error with the operating system's `code`: `EEXIST` if the new name exists; `EINVAL`, `ENOSYS` or `ENOTSUP` if
 *   the file system or the C library does not support this.
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
