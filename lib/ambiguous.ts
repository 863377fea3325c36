import { join } from 'node:path';
import { presence } from './walk.ts';

/**
 * Whether some local file other than `path` has the same name in the Python tool, which wrote `a.b/c`, `a/b.c` and
 * `a/b/c` all as `a.b.c`. A pair of that name may be that file's backup, so it must not be called gone.
 */
export async function sharesPythonName(prefix: string, path: string): Promise<boolean> {
  return found(prefix, path.split('/'));
}

/** Tries every way to put the names together, but only below directories that are there. */
async function found(directory: string, names: readonly string[]): Promise<boolean> {
  if ((await presence(join(directory, `${names.join('.')}.wsp`))) !== 'missing') return true;
  for (let count = 1; count < names.length; count++) {
    const inner = join(directory, names.slice(0, count).join('.'));
    if ((await presence(inner)) === 'missing') continue;
    if (await found(inner, names.slice(count))) return true;
  }
  return false;
}
