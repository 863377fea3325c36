import { libc, systemError } from './libc.ts';

/** `PATH_MAX` of Linux; the target of a link is shorter. */
const MAX_BYTES = 4096;

/**
 * Reads the target of an open symbolic link, with readlinkat(2) on the descriptor: its name may refer to another file
 * by now.
 *
 * @param fd descriptor opened with O_PATH and O_NOFOLLOW.
 * @throws Error with the operating system's `code`.
 */
export function readOpenLink(fd: number): string {
  const text = Buffer.alloc(MAX_BYTES);
  const length = Number(libc.readlinkat(fd, '', text, text.length));
  if (length < 0) throw systemError('a symbolic link could not be read, readlinkat');
  return text.toString('utf8', 0, length);
}
