import { readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { closeEntry, OpenDirectory, openEntry } from '../system/open-directory.ts';

/**
 * Removes everything in a directory. Uses descriptors, so that nothing elsewhere is removed if a directory is renamed
 * or replaced by a link meanwhile.
 */
export async function emptyDirectory(directory: OpenDirectory): Promise<void> {
  for (const name of readdirSync(directory.at('.'))) {
    const entry = openEntry(directory, name);
    if (!entry) continue;
    if (entry.stats.isDirectory() && entry.fd !== undefined) {
      const inner = new OpenDirectory(join(directory.path, name), entry.fd);
      try {
        await emptyDirectory(inner);
      } finally {
        inner.close();
      }
      rmdirSync(directory.at(name));
      await setImmediate();
    } else {
      closeEntry(entry);
      unlinkSync(directory.at(name));
    }
  }
}
