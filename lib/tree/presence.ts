import { join } from 'node:path';
import { presence } from './walk.ts';

/**
 * Whether some local file other than `path` has the same name in the Python tool, which wrote `a.b/c`, `a/b.c` and
 * `a/b/c` all as `a.b.c`. A pair of that name may be that file's backup, so it must not be called gone.
 */
export async function sharesPythonName(prefix: string, path: string): Promise<boolean> {
  return found(prefix, path.split('/'));
}

/** The longest file name on Linux file systems, in bytes: a longer one is nobody's, though lstat(2) does not say ENOENT. */
const MAX_NAME_BYTES = 255;

/** Tries every way to put the names together, but only below directories that are there. */
async function found(directory: string, names: readonly string[]): Promise<boolean> {
  const file = `${names.join('.')}.wsp`;
  if (Buffer.byteLength(file) <= MAX_NAME_BYTES && (await presence(join(directory, file))) !== 'missing') return true;
  for (let count = 1; count < names.length; count++) {
    const name = names.slice(0, count).join('.');
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) return false;
    const inner = join(directory, name);
    if ((await presence(inner)) === 'missing') continue;
    if (await found(inner, names.slice(count))) return true;
  }
  return false;
}
