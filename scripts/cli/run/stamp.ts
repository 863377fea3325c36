import { constants, type FileHandle, open } from 'node:fs/promises';
import { codeOf, reasonOf, WhisperBackupError } from '../../../lib/common/errors.ts';
import type { Invocation } from './invocation.ts';
import { partialBy } from './partial-run.ts';

/**
 * Touches the stamp file of a backup that ended well, if it was the full one of this host. The default file is a courtesy;
 * one that was named is part of the job.
 *
 * @throws WhisperBackupError `STAMP_FILE`
 */
export async function leaveStamp(invocation: Invocation): Promise<void> {
  const { config, origins, log } = invocation;
  const { stampfile } = config;
  if (config.noop || config.nostamp || (await partialBy(invocation)).length > 0) return;
  try {
    await touchStamp(stampfile);
  } catch (cause) {
    const message = `Cannot touch the stamp file ${stampfile}: ${reasonOf(cause)}`;
    if (origins.get('stampfile') !== 'default')
      throw new WhisperBackupError('STAMP_FILE', `${message}: see --stampfile`, { cause });
    log.debug(message);
  }
}

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
