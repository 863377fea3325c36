import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Lists all files below a directory, sorted by bytes. @throws Error on anything but files and directories. */
export async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.flatMap((entry) => {
    if (entry.isDirectory()) return [];
    const path = relative(directory, join(entry.parentPath, entry.name));
    if (entry.isFile()) return [path];
    throw new Error(`Cannot make a release: ${path} is neither a file nor a directory`);
  });
  return files.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
