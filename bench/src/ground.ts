import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx';
import type { Contender, Places } from './contender.ts';

/** The directories that a benchmark works in, and what makes each run meet the same machine. */
export class Ground {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** A path below it. */
  at(...names: readonly string[]): string {
    return join(this.#root, ...names);
  }

  /** Where a contender works on a tree: `tree` is the name of one. */
  places(tree: string, { id, shares = id }: Contender): Places {
    return {
      tree: this.at('trees', tree),
      store: this.at('stores', `${tree}-${shares}`),
      state: this.at('state', `${tree}-${shares}`),
    };
  }

  /** A directory that is there, and empty. */
  async emptied(...names: readonly string[]): Promise<string> {
    const path = this.at(...names);
    await remove(path);
    await mkdir(path, { recursive: true });
    return path;
  }

  /** Forgets all that a contender knows and keeps of a tree. */
  async forget({ store, state }: Places): Promise<void> {
    await remove(store, state);
    await mkdir(this.at('stores'), { recursive: true });
    await mkdir(state, { recursive: true });
  }

  /**
   * Makes everybody start alike: what was written before is on the disk, so that nobody pays for another's writes, and
   * what is about to be read is in the page cache.
   */
  async warm(...directories: readonly string[]): Promise<void> {
    await $({ quiet: true })`sync`;
    for (const directory of directories) {
      await $({ quiet: true })`find ${directory} -type f -exec cat {} + > /dev/null`;
    }
  }
}

/** Of millions of files Node's own `rm` makes as many promises at once, and takes 10 GB. */
async function remove(...directories: readonly string[]): Promise<void> {
  await $({ quiet: true })`rm -rf ${directories}`;
}

export interface Size {
  readonly files: number;
  readonly bytes: number;
}

/** Counts the files below a directory whose names end so, and adds up their lengths. */
export async function sizeOf(directory: string, ending = ''): Promise<Size> {
  let files = 0;
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      const inner = await sizeOf(path, ending);
      files += inner.files;
      bytes += inner.bytes;
    } else if (entry.name.endsWith(ending)) {
      files++;
      bytes += (await lstat(path)).size;
    }
  }
  return { files, bytes };
}
