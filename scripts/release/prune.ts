import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What no runtime ever opens: types, maps and C sources. Licences and what else is text stay. */
const USELESS = /\.(d\.ts|d\.mts|d\.cts|map|cc|hh|h)$/;

/** Removes from node_modules what only people and compilers read, npm's own notes, and directories that are then empty. */
export async function prune(directory: string): Promise<void> {
  await rm(join(directory, '.bin'), { recursive: true, force: true });
  await rm(join(directory, '.package-lock.json'), { force: true });
  await pruneBelow(directory);
}

/** @returns whether nothing is left. */
async function pruneBelow(directory: string): Promise<boolean> {
  let left = 0;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (await pruneBelow(path)) await rmdir(path);
      else left++;
    } else if (USELESS.test(entry.name)) await rm(path);
    else left++;
  }
  return left === 0;
}
