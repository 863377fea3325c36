import { constants, type FileHandle, open } from 'node:fs/promises';
import { codeOf } from '../lib/errors.ts';

/**
 * Sets the modification time of the stamp file to now, and makes the file where there is none. A symbolic link is
 * refused: the default directory is one where anybody may plant one.
 */
export async function touchStamp(path: string): Promise<void> {
  const file = await openOrCreate(path);
  try {
    const now = new Date();
    await file.utimes(now, now);
  } finally {
    await file.close();
  }
}

/** O_CREAT is left out for a file that is there: in a sticky directory the kernel would refuse root another's file. */
async function openOrCreate(path: string): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    return await open(path, flags);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return await open(path, flags | constants.O_CREAT | constants.O_EXCL, 0o644);
  }
}
