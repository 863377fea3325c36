import { statSync } from 'node:fs';

/**
 * Whether a directory is the one in which fsck(8) puts what it finds: `lost+found` at the top of a file system. Only
 * root may read it, and it holds no metrics.
 *
 * @param directory the one that it is in.
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
