import { WhisperBackupError } from '../common/errors.ts';
import { foreign } from './foreign.ts';

/*
 * The few calls of the C library that neither Node nor the web platform offers. Loaded when first used.
 */

type Libc = ReturnType<typeof load>;

let loaded: Libc | undefined;

export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

function load() {
  const koffi = foreign();
  let lib: ReturnType<typeof koffi.load>;
  try {
    lib = koffi.load(process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6');
  } catch (cause) {
    throw new WhisperBackupError('NO_LIBC', 'Cannot load the C library, which flock(2) needs', { cause });
  }
  const passwd = koffi.struct({
    pw_name: 'const char *',
    pw_passwd: 'const char *',
    pw_uid: 'uint32_t',
    pw_gid: 'uint32_t',
  });
  const group = koffi.struct({ gr_name: 'const char *', gr_passwd: 'const char *', gr_gid: 'uint32_t' });
  return {
    flock: lib.func('int flock(int fd, int operation)') as (fd: number, operation: number) => number,
    /** Ends the process at once: unlike exit(3), it waits for no thread. */
    exitNow: lib.func('void _exit(int status)') as (status: number) => void,
    getpwnam: lib.func('getpwnam', koffi.pointer(passwd), ['const char *']) as (name: string) => unknown,
    getgrnam: lib.func('getgrnam', koffi.pointer(group), ['const char *']) as (name: string) => unknown,
    userIdOf: (entry: unknown) => Number(koffi.decode(entry, passwd).pw_uid),
    groupIdOf: (entry: unknown) => Number(koffi.decode(entry, group).gr_gid),
    /** The error number of the last call, by its name. */
    errorName: () => nameOf(koffi.errno(), koffi.os.errno),
  };
}

function nameOf(errno: number, names: Readonly<Record<string, number>>): string {
  return Object.entries(names).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
}
