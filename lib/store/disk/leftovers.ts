import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type SweepOptions, type Swept, sweep } from '../../system/sweep.ts';
import type { Directories } from './directories.ts';
import { TEMPORARY } from './path.ts';

/** Directories that are held; those over it wait for the next run. */
const HELD_AT_MOST = 10_000;

/**
 * What runs that were killed left in a bucket: temporary files, and directories made for an object that never came or
 * emptied of those that went. Listings tell of the empty ones, which nobody else would look for.
 */
export class DiskLeftovers {
  readonly #empty = new Set<string>();

  /** A listing came by an empty directory. @param directory its key, with a slash at its end. */
  foundEmpty(directory: string): void {
    if (isOurs(directory) && this.#empty.size < HELD_AT_MOST) this.#empty.add(directory.slice(0, -1));
  }

  async sweep(directories: Directories, options: SweepOptions): Promise<Swept> {
    const { root } = directories;
    const found: string[] = [];
    for (const directory of this.#empty) {
      const path = `${root}/${directory}`;
      if ((await directories.standing(path)) === 'real') found.push(path);
    }
    const temporary = `${root}/${TEMPORARY}`;
    if ((await directories.standing(temporary)) === 'real') {
      const names = await readdir(temporary);
      found.push(...names.filter((name) => /^[0-9a-f]{32}$/.test(name)).map((name) => `${temporary}/${name}`));
    }
    const swept = await sweep(found, options);
    this.#empty.clear();
    // Of a storage path nothing may be left but the directories above.
    if (!options.dryRun)
      for (const path of swept.removed) if (!path.startsWith(`${temporary}/`)) await directories.prune(dirname(path));
    return swept;
  }
}

/** Not what file systems and people hide in a directory, such as `lost+found` and `.snapshot`. */
function isOurs(directory: string): boolean {
  if (directory === 'lost+found/') return false;
  return !directory.startsWith('.') || directory.startsWith('.whisper-backup/');
}
