import { fsync } from 'node:fs';
import { promisify } from 'node:util';
import { errnoName } from './errno.ts';
import { foreign } from './foreign.ts';

/**
 * Writes everything that the file system of an open file or directory holds in memory to the disk: syncfs(2), in a
 * thread of its own. One call takes the place of an fsync(2) for every file.
 *
 * Linux reports an error of earlier writes only to descriptors that were open then: open it before writing.
 *
 * Where there is no syncfs(2), it is sync(2), which may return early, and an fsync(2) of the descriptor.
 *
 * @param fd an open descriptor on that file system; read-only will do.
 * @throws Error with the operating system's `code`, e.g. `EIO`, when data could not be written.
 */
export async function syncfs(fd: number): Promise<void> {
  const { errno, call } = bind();
  const result = await new Promise<number>((resolve, reject) => {
    // errno belongs to the thread of the call, and koffi hands it on to this callback only.
    call.async(fd, (error: unknown, returned: number) => {
      if (error) reject(error);
      else resolve(returned === 0 ? 0 : errno());
    });
  });
  if (result !== 0) {
    const code = errnoName(result) ?? `error ${result}`;
    throw Object.assign(new Error(`${code}: the file system could not be written to the disk, syncfs`), { code });
  }
  if (process.platform !== 'linux') await promisify(fsync)(fd);
}

interface Binding {
  readonly call: { async(fd: number, done: (error: unknown, returned: number) => void): void };
  readonly errno: () => number;
}

let binding: Binding | undefined;

function bind(): Binding {
  if (binding) return binding;
  // The symbols of this very process: the C library is among them, whichever it is.
  const koffi = foreign();
  const libc = koffi.load(null);
  const errno = () => koffi.errno();
  if (process.platform === 'linux') {
    binding = { call: libc.func('int syncfs(int fd)'), errno };
  } else {
    const sync = libc.func('void sync()');
    binding = {
      call: { async: (_fd, done) => sync.async((error: unknown) => done(error, 0)) },
      errno,
    };
  }
  return binding;
}
