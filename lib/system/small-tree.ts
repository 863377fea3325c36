import { opendir, stat } from 'node:fs/promises';

/** Names that are looked through faster here than a thread starts. */
const FEW = 400;
/** As many names as a directory takes the time of, to be opened and closed. */
const DIRECTORY = 20;

/**
 * Whether there are only a few names below a directory, so that synchronous calls may look at them in no time. It asks
 * without blocking: where a file system hangs, this waits, and the caller's thread stays free. Links are followed; one
 * that leads back is followed until there are no longer few names.
 *
 * What is missing or closed counts as having no names.
 */
export async function isSmallTree(root: string, signal?: AbortSignal): Promise<boolean> {
  const directories = [root];
  let left = FEW;
  for (let path = directories.pop(); path !== undefined; path = directories.pop()) {
    signal?.throwIfAborted();
    left -= DIRECTORY;
    try {
      for await (const entry of await opendir(path, { bufferSize: FEW })) {
        if (--left < 0) return false;
        const inner = `${path}/${entry.name}`;
        if (entry.isDirectory() || (entry.isSymbolicLink() && (await isDirectory(inner)))) directories.push(inner);
      }
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error)) throw error;
    }
  }
  return true;
}

/** A link to what is missing or closed is none to a directory. */
async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
