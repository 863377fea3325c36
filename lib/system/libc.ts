import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { reasonOf, WhisperBackupError } from '../common/errors.ts';

type Koffi = typeof import('koffi');

interface Calls {
  access(path: string, mode: number): number;
  _exit(status: number): void;
  flock(fd: number, operation: number): number;
  mincore(address: number | bigint, bytes: number, pages: Uint8Array): number;
  mmap(address: number, bytes: number, protection: number, flags: number, fd: number, offset: number): number | bigint;
  munmap(address: number | bigint, bytes: number): number;
  posix_fadvise(fd: number, start: number, bytes: number, advice: number): number;
  readlinkat(fd: number, path: string, buffer: Uint8Array, size: number): number | bigint;
  renameat2(fromDirectory: number, from: string, toDirectory: number, to: string, flags: number): number;
  sync: { async(done: (error: unknown) => void): void };
  syncfs: { async(fd: number, done: (error: unknown, returned: number) => void): void };
  sysconf(name: number): number | bigint;
}

const declarations: Readonly<Record<keyof Calls, string>> = {
  access: 'int access(const char *path, int mode)',
  _exit: 'void _exit(int status)',
  flock: 'int flock(int fd, int operation)',
  mincore: 'int mincore(uint64_t address, size_t bytes, void *pages)',
  mmap: 'uint64_t mmap(uint64_t address, size_t bytes, int protection, int flags, int fd, int64_t offset)',
  munmap: 'int munmap(uint64_t address, size_t bytes)',
  posix_fadvise: 'int posix_fadvise(int fd, int64_t start, int64_t bytes, int advice)',
  readlinkat: 'intptr_t readlinkat(int fd, const char *path, void *buffer, size_t size)',
  renameat2: 'int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, unsigned int flags)',
  sync: 'void sync()',
  syncfs: 'int syncfs(int fd)',
  sysconf: 'long sysconf(int name)',
};

/**
 * The C library. Each call is bound on first use.
 *
 * @throws WhisperBackupError `NO_LIBC` on first use, if the C library cannot be loaded or does not have the call.
 */
export const libc = Object.defineProperties(
  {},
  Object.fromEntries(
    Object.entries(declarations).map(([name, declaration]) => [
      name,
      {
        configurable: true,
        get: () => {
          const value = bind(name, declaration);
          Object.defineProperty(libc, name, { value, writable: true });
          return value;
        },
      },
    ]),
  ),
) as Calls;

function bind(name: string, declaration: string): unknown {
  try {
    // null loads the symbols of this process, which include the C library, be it glibc or musl.
    return loadKoffi().load(null).func(declaration);
  } catch (cause) {
    throw new WhisperBackupError('NO_LIBC', `Cannot call ${name} of the C library: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * Returns the error of the last call, in the form of Node's own system errors.
 *
 * @param context the message after the code, e.g. `cannot rename, renameat2 'a'`.
 */
export function systemError(context: string): Error & { readonly code: string } {
  return errorOf(lastError(), context);
}

export function errorOf(code: string, context: string): Error & { readonly code: string } {
  return Object.assign(new Error(`${code}: ${context}`), { code });
}

/** Returns the name of the last call's error, e.g. `EAGAIN`. Works in the callback of an asynchronous call as well. */
export function lastError(): string {
  const errno = loadKoffi().errno();
  return errnoName(errno) ?? `errno ${errno}`;
}

/** Returns the name of an operating system's error number, e.g. `ENOSPC` for 28; undefined if it has none. */
export function errnoName(errno: number): string | undefined {
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0];
}

let loaded: Koffi | undefined;

/**
 * Loads koffi, the foreign function interface for all native calls. On first use only, because it costs start-up time.
 *
 * @throws Error if koffi has no native part for this platform.
 */
export function loadKoffi(): Koffi {
  loaded ??= createRequire(import.meta.url)('koffi') as Koffi;
  return loaded;
}
