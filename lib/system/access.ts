import { constants } from 'node:fs';
import { libc, systemError } from './libc.ts';

/** What may be done with a file or directory; `search` is to reach what is in a directory. */
export type Right = 'read' | 'write' | 'search';

const MODES: Readonly<Record<Right, number>> = {
  read: constants.R_OK,
  write: constants.W_OK,
  search: constants.X_OK,
};

/**
 * Asks the system whether this process may do something: access(2). Deno's own answer goes by the mode bits alone, and
 * does not know of read-only file systems.
 *
 * @throws Error with the operating system's `code`: `EACCES`, `EROFS`, `ENOENT`.
 */
export function assertAccess(path: string, ...rights: readonly Right[]): void {
  const mode = rights.reduce((bits, right) => bits | MODES[right], 0);
  if (libc.access(path, mode) !== 0) throw systemError(`no right to ${rights.join(' and ')}, access '${path}'`);
}
