import { opendir, stat } from 'node:fs/promises';

/** Listing this many names takes less time than starting a thread. */
const MAX_NAMES = 400;
/** Opening and closing a directory takes as long as listing this many names. */
const NAMES_PER_DIRECTORY = 20;

/**
 * Returns whether a tree is so small that synchronous calls can list it without a noticeable delay. The check itself
 * does not block the thread, even if a file system hangs. Follows links; a loop of links counts as a large tree.
 *
 * Missing or unreadable directories count as empty.
 */
export async function isSmallTree(root: string, signal?: AbortSignal): Promise<boolean> {
  const directories = [root];
  let left = MAX_NAMES;
  for (let path = directories.pop(); path !== undefined; path = directories.pop()) {
    signal?.throwIfAborted();
    left -= NAMES_PER_DIRECTORY;
    try {
      for await (const entry of await opendir(path, { bufferSize: MAX_NAMES })) {
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

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
