import { constants } from 'node:fs';
import { errnoName } from './errno.ts';
import { foreign } from './foreign.ts';

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
  const { call, errno } = bind();
  const mode = rights.reduce((bits, right) => bits | MODES[right], 0);
  if (call(path, mode) === 0) return;
  const code = errnoName(errno()) ?? 'EACCES';
  throw Object.assign(new Error(`${code}: no right to ${rights.join(' and ')}, access '${path}'`), { code });
}

interface Binding {
  readonly call: (path: string, mode: number) => number;
  readonly errno: () => number;
}

let binding: Binding | undefined;

function bind(): Binding {
  if (binding) return binding;
  const koffi = foreign();
  const call = koffi.load(null).func('int access(const char *path, int mode)');
  binding = { call, errno: () => koffi.errno() };
  return binding;
}
