import { libc, systemError } from './libc.ts';

/** The longest text that Linux lets a symbolic link have, in bytes, and one more. */
const MAX_BYTES = 4096;

/**
 * Reads where an open symbolic link leads: readlinkat(2) on the descriptor, so that it is the text of this very link,
 * even if its name stands for another file by now.
 *
 * @param fd opened with O_PATH and O_NOFOLLOW.
 * @throws Error with the operating system's `code`.
 */
export function readOpenLink(fd: number): string {
  const text = Buffer.alloc(MAX_BYTES);
  const length = Number(libc.readlinkat(fd, '', text, text.length));
  if (length < 0) throw systemError('a symbolic link could not be read, readlinkat');
  return text.toString('utf8', 0, length);
}
