import { constants, type FileHandle, open } from 'node:fs/promises';
import { codeOf, pathReason, WhisperBackupError } from '../../../lib/common/errors.ts';
import type { Invocation } from './invocation.ts';
import { partialBy } from './partial-run.ts';

/**
 * Touches the stamp file after a successful full backup of this host. A default file that cannot be touched is ignored, a
 * configured one is an error.
 *
 * @throws WhisperBackupError `STAMP_FILE` if a configured file cannot be touched.
 */
export async function leaveStamp(invocation: Invocation): Promise<void> {
  const { config, origins, log } = invocation;
  const { stampfile } = config;
  if (config.noop || config.nostamp || (await partialBy(invocation)).length > 0) return;
  try {
    await touchStamp(stampfile);
  } catch (cause) {
    const message = `Cannot touch the stamp file ${stampfile}: ${pathReason(cause)}`;
    if (origins.get('stampfile') !== 'default')
      throw new WhisperBackupError('STAMP_FILE', `${message}: see --stampfile`, { cause });
    log.debug(message);
  }
}

/**
 * Sets the modification time of the stamp file to now, and creates the file if it is missing. Refuses symbolic links, because
 * every user can create one in the default directory.
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

/** Opens an existing file without O_CREAT: in a sticky directory the kernel refuses that for another user's file, even to root. */
async function openOrCreate(path: string): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    return await open(path, flags);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return await open(path, flags | constants.O_CREAT | constants.O_EXCL, 0o644);
  }
}
