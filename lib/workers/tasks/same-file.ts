import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { codeOf } from '../../common/errors.ts';
import { locateFile } from '../../system/descent.ts';
import { type LockOptions, openLocked, readStable } from '../../tree/read-file.ts';
import { inspect } from '../../whisper/inspect.ts';
import { remarkOn } from '../../whisper/remark.ts';
import type { Published } from './publish-task.ts';

interface SameFileOptions extends LockOptions {
  /** Whether a damaged file may be restored. */
  readonly includeDamaged?: boolean;
}

/** Returns the size of a local file; 0 if there is none. */
export function localBytes(file: string): number {
  try {
    return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    return 0;
  }
}

/**
 * Checks whether a local file is the one that was backed up, so that the backup need not be fetched.
 *
 * @param sha1 of the file that was backed up.
 * @returns undefined if it is not, or if publishing the backup will report why the file cannot be read.
 * @throws WhisperBackupError `LOCK_TIMEOUT`, `NO_LOCKS`: publishing would only wait again.
 */
export async function findSameFile(
  file: string,
  sha1: string,
  { includeDamaged = false, ...options }: SameFileOptions,
): Promise<Published | undefined> {
  try {
    const bytes = await readLocated(file, options);
    if (createHash('sha1').update(bytes).digest('hex') !== sha1) return undefined;
    const inspection = inspect(bytes);
    if (inspection.verdict === 'damaged' && !includeDamaged) return undefined;
    const remark = remarkOn(inspection);
    return { outcome: 'unchanged', bytes: bytes.length, ...(remark && { remark }) };
  } catch (error) {
    if (codeOf(error) === 'LOCK_TIMEOUT' || codeOf(error) === 'NO_LOCKS') throw error;
    return undefined;
  }
}

async function readLocated(file: string, options: LockOptions): Promise<Uint8Array> {
  const place = locateFile(file);
  try {
    const open = await openLocked(place.path, 'read', options, place.at);
    try {
      return readStable(place.path, open.fd);
    } finally {
      open.close();
    }
  } finally {
    place.close();
  }
}
