import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Files that no runtime opens: types, maps and C sources. Licenses and other text files stay. */
const NOT_LOADED = /\.(d\.ts|d\.mts|d\.cts|map|cc|hh|h)$/;

/** Removes files that only people and compilers read, npm's own files, and directories that become empty. */
export async function prune(directory: string): Promise<void> {
  await rm(join(directory, '.bin'), { recursive: true, force: true });
  await rm(join(directory, '.package-lock.json'), { force: true });
  await pruneBelow(directory);
}

/** @returns whether the directory is empty. */
async function pruneBelow(directory: string): Promise<boolean> {
  let left = 0;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (await pruneBelow(path)) await rmdir(path);
      else left++;
    } else if (NOT_LOADED.test(entry.name)) await rm(path);
    else left++;
  }
  return left === 0;
}
