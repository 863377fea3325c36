import { errnoName } from './errno.ts';
import { foreign } from './foreign.ts';

/** The longest text that Linux lets a symbolic link have, in bytes, and one more. */
const MAX_BYTES = 4096;

/**
 * Reads where an open symbolic link leads: readlinkat(2) on the descriptor, so that it is the text of this very link,
 * whatever its name stands for by now.
 *
 * @param fd opened with O_PATH and O_NOFOLLOW.
 * @throws Error with the operating system's `code`.
 */
export function readOpenLink(fd: number): string {
  const { call, errno } = bind();
  const text = Buffer.alloc(MAX_BYTES);
  const length = call(fd, '', text, text.length);
  if (length >= 0) return text.toString('utf8', 0, length);
  const code = errnoName(errno()) ?? 'EIO';
  throw Object.assign(new Error(`${code}: a symbolic link could not be read, readlinkat`), { code });
}

interface Binding {
  readonly call: (fd: number, path: string, buffer: Buffer, size: number) => number;
  readonly errno: () => number;
}

let binding: Binding | undefined;

function bind(): Binding {
  if (binding) return binding;
  const koffi = foreign();
  const call = koffi.load(null).func('intptr_t readlinkat(int fd, const char *path, void *buffer, size_t size)');
  binding = { call: (fd, path, buffer, size) => Number(call(fd, path, buffer, size)), errno: () => koffi.errno() };
  return binding;
}
