import { type BigIntStats, constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { WhisperBackupError } from '../common/errors.ts';

/**
 * Opens an existing regular file. Checks the type before opening, because opening a device may have side effects, and
 * opens without blocking, because a FIFO may replace the file in between.
 *
 * @param flags flags of open(2). @default O_RDONLY
 * @throws WhisperBackupError `NOT_REGULAR`
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
 * Reads a regular file as UTF-8 text.
 *
 * @throws WhisperBackupError `NOT_REGULAR`
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
