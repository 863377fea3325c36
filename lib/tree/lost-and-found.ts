import { statSync } from 'node:fs';

/**
 * Returns whether a directory is the `lost+found` of fsck(8) in the root of a file system. Only root may read it, and
 * it has no metrics.
 *
 * @param directory the parent directory.
 */
export function isLostAndFound(directory: string, name: string): boolean {
  if (name !== 'lost+found') return false;
  try {
    const here = statSync(directory, { bigint: true });
    const above = statSync(`${directory}/..`, { bigint: true });
    return here.dev !== above.dev || here.ino === above.ino;
  } catch {
    return false;
  }
}
