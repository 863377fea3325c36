import { join } from 'node:path';
import { presence } from './walk.ts';

/**
 * Returns whether another local file than `path` has the same name in the Python tool, which wrote `a.b/c`, `a/b.c` and
 * `a/b/c` all as `a.b.c`. A pair with that name may be the backup of that file, so it must not count as missing.
 */
export async function sharesPythonName(prefix: string, path: string): Promise<boolean> {
  return existsInAnyForm(prefix, path.split('/'));
}

/** The longest file name on Linux. For a longer one the error of lstat(2) is not ENOENT. */
const MAX_NAME_BYTES = 255;

/** Tries every way to join the names with dots and slashes, but only below existing directories. */
async function existsInAnyForm(directory: string, names: readonly string[]): Promise<boolean> {
  const file = `${names.join('.')}.wsp`;
  if (Buffer.byteLength(file) <= MAX_NAME_BYTES && (await presence(join(directory, file))) !== 'missing') return true;
  for (let count = 1; count < names.length; count++) {
    const name = names.slice(0, count).join('.');
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) return false;
    const inner = join(directory, name);
    if ((await presence(inner)) === 'missing') continue;
    if (await existsInAnyForm(inner, names.slice(count))) return true;
  }
  return false;
}
