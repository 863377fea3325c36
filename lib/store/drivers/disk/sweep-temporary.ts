import { readdir } from 'node:fs/promises';
import { type SweepOptions, type Swept, sweep } from '../../../system/sweep.ts';
import type { Directories } from './directories.ts';
import { TEMPORARY } from './path.ts';

/**
 * Removes the temporary files that killed runs left in a bucket. Keeps empty directories, because a person may have
 * created one as a mount point.
 */
export async function sweepTemporary(directories: Directories, options: SweepOptions): Promise<Swept> {
  const temporary = `${directories.root}/${TEMPORARY}`;
  if ((await directories.standing(temporary)) !== 'real') return { removed: [], failures: [] };
  const names = (await readdir(temporary)).filter((name) => /^[0-9a-f]{32}$/.test(name));
  return sweep(
    names.map((name) => `${temporary}/${name}`),
    options,
  );
}
