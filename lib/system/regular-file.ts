import { type BigIntStats, constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { WhisperBackupError } from '../common/errors.ts';

/**
 * Opens a regular file that is there. It looks before it opens, because a device may act on being opened, and opens
 * without blocking, because a FIFO may be swapped in.
 *
 * @param flags of open(2). @default reads
 * @throws WhisperBackupError `NOT_REGULAR`, or the system's error.
 */
export async function openRegularFile(path: string, flags: number = constants.O_RDONLY): Promise<FileHandle> {
  assertRegular(path, await stat(path));
  const handle = await open(path, flags | constants.O_NONBLOCK);
  try {
    assertRegular(path, await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Reads a regular file as text, as {@link openRegularFile} opens it.
 *
 * @throws WhisperBackupError `NOT_REGULAR`, or the system's error.
 */
export async function readRegularFile(path: string): Promise<string> {
  const handle = await openRegularFile(path);
  try {
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** @throws WhisperBackupError `NOT_REGULAR` */
export function assertRegular(path: string, stats: Stats | BigIntStats): void {
  if (!stats.isFile()) throw new WhisperBackupError('NOT_REGULAR', `Cannot read ${path}: it is not a regular file`);
}
