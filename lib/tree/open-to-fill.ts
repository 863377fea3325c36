import { fstatSync, lstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WhisperBackupError } from '../common/errors.ts';
import type { Place } from '../system/open-place.ts';
import { ARCHIVE_INFO_SIZE, isCompressed, METADATA_SIZE, sizeOf } from '../whisper/header.ts';
import { type LockOptions, type OpenFile, openLocked, readStable } from './read-file.ts';

export interface FileToFill extends Pick<OpenFile, 'fd' | 'close'> {
  readonly bytes: Uint8Array;
}

/**
 * Opens, locks and reads a file to fill. carbon creates a file before it locks it and writes the header later, so a new
 * file that is empty or truncated is read again until `fileLockTimeout` has passed.
 *
 * @returns the file, even if it is still empty or truncated.
 * @throws WhisperBackupError `REPLACED` if another process replaced the file, and those of `openLocked` and
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
    // carbon waits for this lock before it writes the header.
    close();
    await sleep(wait);
  }
}

/**
 * Checks that the path still refers to the open file. Points written to a replaced file would be lost.
 *
 * @throws WhisperBackupError `REPLACED`
 */
export function assertCurrent(place: Place, fd: number): void {
  const held = fstatSync(fd, { bigint: true });
  const named = lstatSync(place.at, { bigint: true, throwIfNoEntry: false });
  if (named?.ino === held.ino && named.dev === held.dev) return;
  throw new WhisperBackupError(
    'REPLACED',
    `Cannot fill ${place.path}: another process keeps replacing it. Stop that process (e.g. whisper-resize, rsync), and try again.`,
  );
}

function isBeingCreated(bytes: Uint8Array, fd: number, { fileLockTimeout }: LockOptions): boolean {
  return isTruncated(bytes) && Date.now() - fstatSync(fd).mtimeMs < fileLockTimeout * 1000;
}

function isTruncated(bytes: Uint8Array): boolean {
  if (isCompressed(bytes)) return false;
  if (bytes.length < METADATA_SIZE) return true;
  const archives = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(12);
  if (bytes.length < METADATA_SIZE + archives * ARCHIVE_INFO_SIZE) return true;
  return bytes.length < (sizeOf(bytes) ?? 0);
}
