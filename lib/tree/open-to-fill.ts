import { fstatSync, lstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WhisperBackupError } from '../common/errors.ts';
import type { Place } from '../system/open-place.ts';
import { ARCHIVE_INFO_SIZE, isCompressed, METADATA_SIZE, sizeOf } from '../whisper/header.ts';
import { type LockOptions, type OpenFile, openLocked, readStable } from './read-file.ts';

/** A file that is open, locked, read, and the one that its name stands for. */
export interface FileToFill extends Pick<OpenFile, 'fd' | 'close'> {
  readonly bytes: Uint8Array;
}

/**
 * Opens, locks and reads a file that is to be filled. carbon opens a new file before it locks it, and writes its header
 * later: a file that was written just now and is empty or cut is read again until the time for its lock is over.
 *
 * @returns the file, also if it is still empty or cut then.
 * @throws WhisperBackupError `REPLACED` when its name came to stand for another file, and those of `openLocked` and
 *   `readStable`.
 */
export async function openToFill(place: Place, mode: 'read' | 'write', options: LockOptions): Promise<FileToFill> {
  const deadline = performance.now() + options.fileLockTimeout * 1000;
  for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
    const { fd, close } = await openLocked(place.path, mode, options, place.at);
    try {
      assertCurrent(place, fd);
      const bytes = readStable(place.path, fd);
      const isLast = performance.now() >= deadline || options.stopped?.();
      if (isLast || !isBeingCreated(bytes, fd, options)) return { fd, close, bytes };
    } catch (error) {
      close();
      throw error;
    }
    // Carbon waits for this lock with its header.
    close();
    await sleep(wait);
  }
}

/**
 * Makes sure that a name still stands for the file that is open: what is written to another one is lost.
 *
 * @throws WhisperBackupError `REPLACED`
 */
export function assertCurrent(place: Place, fd: number): void {
  const held = fstatSync(fd, { bigint: true });
  const named = lstatSync(place.at, { bigint: true, throwIfNoEntry: false });
  if (named?.ino === held.ino && named.dev === held.dev) return;
  throw new WhisperBackupError(
    'REPLACED',
    `Cannot fill ${place.path}: another process keeps replacing it: stop what rewrites it (whisper-resize, rsync), and try again`,
  );
}

function isBeingCreated(bytes: Uint8Array, fd: number, { fileLockTimeout }: LockOptions): boolean {
  return isCut(bytes) && Date.now() - fstatSync(fd).mtimeMs < fileLockTimeout * 1000;
}

/** Whether bytes are the beginning of a Whisper file, and not all of it. */
function isCut(bytes: Uint8Array): boolean {
  if (isCompressed(bytes)) return false;
  if (bytes.length < METADATA_SIZE) return true;
  const archives = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(12);
  if (bytes.length < METADATA_SIZE + archives * ARCHIVE_INFO_SIZE) return true;
  return bytes.length < (sizeOf(bytes) ?? 0);
}
