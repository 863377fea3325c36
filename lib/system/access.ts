import { constants } from 'node:fs';
import { libc, systemError } from './libc.ts';

/** An access right; `search` is the right to reach the entries of a directory. */
type Right = 'read' | 'write' | 'search';

const MODES: Readonly<Record<Right, number>> = {
  read: constants.R_OK,
  write: constants.W_OK,
  search: constants.X_OK,
};

/**
 * Checks that this process has rights on a file or directory, with access(2). Deno's own check looks at the mode bits
 * only and misses read-only file systems.
 *
 * @throws Error with the operating system's `code`: `EACCES`, `EROFS`, `ENOENT`.
 */
export function assertAccess(path: string, ...rights: readonly Right[]): void {
  const mode = rights.reduce((bits, right) => bits | MODES[right], 0);
  if (libc.access(path, mode) !== 0) throw systemError(`no right to ${rights.join(' and ')}, access '${path}'`);
}
