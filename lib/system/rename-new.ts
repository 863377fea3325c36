import { errnoName } from './errno.ts';
import { foreign } from './foreign.ts';

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
  const { call, errno } = bind();
  if (call(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) === 0) return;
  throw failure(errnoName(errno()) ?? 'EIO', to);
}

interface Binding {
  readonly call: (fromDirectory: number, from: string, toDirectory: number, to: string, flags: number) => number;
  readonly errno: () => number;
}

let binding: Binding | undefined;

function bind(): Binding {
  if (binding) return binding;
  const koffi = foreign();
  try {
    const call = koffi
      .load(null)
      .func('int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, unsigned int flags)');
    binding = { call, errno: () => koffi.errno() };
  } catch {
    // Not Linux, or a C library from before 2018.
    binding = {
      call: () => {
        throw failure('ENOSYS', 'renameat2');
      },
      errno: () => 0,
    };
  }
  return binding;
}

function failure(code: string, about: string): Error {
  return Object.assign(new Error(`${code}: cannot rename, renameat2 '${about}'`), { code });
}
