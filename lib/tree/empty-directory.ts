import { readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { closeEntry, OpenDirectory, openEntry } from '../system/open-directory.ts';

/**
 * Removes all that is in a directory, by descriptors: nothing elsewhere goes, whatever is renamed or linked meanwhile.
 *
 * @throws the system's error.
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
