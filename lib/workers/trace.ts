import { fstatSync, futimesSync } from 'node:fs';
import type { FillWrite } from '../whisper/fill.ts';
import { isCompressed, parseHeader } from '../whisper/header.ts';
import { inspect } from '../whisper/inspect.ts';
import { type Landmark, landmarksOf, landmarksOfFill } from '../whisper/landmarks.ts';
import { unmatchable } from '../whisper/oddity.ts';

/** How a file was left when it was restored or filled, to see later whether another process has undone that. */
export interface Trace {
  /** Device and inode. */
  readonly inode: string;
  /** Its modification time, in milliseconds, if every later write is sure to change it. */
  readonly mtimeMs?: number;
  /** Points that it must still have; undefined when its format is not known, and it only must not be empty. */
  readonly landmarks?: readonly Landmark[];
}

/**
 * The trace of a new file that nobody else knows yet. It is dated a second back: the kernel's clock is so coarse that
 * another process could write to the file at the time that it has now.
 *
 * @param fd the file, open.
 * @param now in seconds since 1970.
 */
export function traceOfNew(fd: number, data: Uint8Array, now: number): Trace {
  const mtime = Math.floor(Date.now() / 1000) - 1;
  futimesSync(fd, mtime, mtime);
  return { inode: inodeOf(fd), mtimeMs: mtime * 1000, ...landmarked(data, () => landmarksOf(data, now)) };
}

/** The trace of a file that was filled. */
export function traceOfFill(fd: number, local: Uint8Array, writes: readonly FillWrite[], now: number): Trace {
  return { inode: inodeOf(fd), ...landmarked(local, () => landmarksOfFill(local, writes, now)) };
}

/** Device and inode of an open file. */
export function inodeOf(fd: number): string {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return `${dev}:${ino}`;
}

/** The device of the file of a trace, in decimal digits. */
export function deviceOf({ inode }: Trace): string {
  return inode.slice(0, inode.indexOf(':'));
}

function landmarked(bytes: Uint8Array, landmarks: () => Landmark[]): Pick<Trace, 'landmarks'> {
  return isFillable(bytes) ? { landmarks: landmarks() } : {};
}

/** Whether points can be told apart: in a file whose archives overlap each update may overwrite others. */
function isFillable(bytes: Uint8Array): boolean {
  if (isCompressed(bytes) || inspect(bytes).verdict === 'damaged') return false;
  return unmatchable(parseHeader(bytes)) === undefined;
}
