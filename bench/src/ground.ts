import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx/core';
import type { Contender, Places } from './contender.ts';

/** The directories of a benchmark, and equal conditions for each run. */
export class Ground {
  readonly #root: string;
  #emptied = 0;

  constructor(root: string) {
    this.#root = root;
  }

  at(...names: readonly string[]): string {
    return join(this.#root, ...names);
  }

  /** Returns the directories of a contender for a tree. */
  places(tree: string, { id, shares = id }: Contender): Places {
    return {
      tree: this.at('trees', tree),
      store: this.at('stores', `${tree}-${shares}`),
      state: this.at('state', `${tree}-${shares}`),
    };
  }

  /** Returns an existing, empty directory. */
  async emptied(...names: readonly string[]): Promise<string> {
    const path = this.at(...names);
    await this.#remove(path);
    await mkdir(path, { recursive: true });
    return path;
  }

  /** Deletes a contender's store and state for a tree. */
  async forget({ store, state }: Places): Promise<void> {
    await this.#remove(store);
    await this.#remove(state);
    await mkdir(this.at('stores'), { recursive: true });
    await mkdir(state, { recursive: true });
  }

  /** Deletes everything. Node's own `rm` creates a promise for each file at once, and takes 10 GB for millions of files. */
  async clear(): Promise<void> {
    await $({ quiet: true })`rm -rf ${this.#root}`;
  }

  /**
   * Moves a directory away and empties its files. Deleting it would slow the next run down: for minutes ext4 searches for
   * an inode that was not deleted recently, for each file that is created.
   */
  async #remove(path: string): Promise<void> {
    if (!existsSync(path)) return;
    const aside = this.at('removed', String(this.#emptied++));
    await mkdir(this.at('removed'), { recursive: true });
    await rename(path, aside);
    await $({ quiet: true })`find ${aside} -type f -exec truncate --no-create --size=0 {} +`;
  }

  /**
   * Makes all runs start alike: earlier writes are on disk, so that no run pays for another's writes, and the files to read
   * are in the page cache.
   */
  async warm(...directories: readonly string[]): Promise<void> {
    await $({ quiet: true })`sync`;
    for (const directory of directories) {
      await $({ quiet: true })`find ${directory} -type f -exec cat {} + > /dev/null`;
    }
  }
}

export interface Size {
  readonly files: number;
  readonly bytes: number;
}

/** Counts the files below a directory whose names have the given ending, and adds up their sizes. */
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
