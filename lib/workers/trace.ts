import { fstatSync, futimesSync } from 'node:fs';
import type { FillWrite } from '../whisper/fill-writes.ts';
import { isCompressed, parseHeader } from '../whisper/header.ts';
import { inspect } from '../whisper/inspect.ts';
import { type Landmark, landmarksOf, landmarksOfFill } from '../whisper/landmarks.ts';
import { unmatchable } from '../whisper/oddity.ts';

/** Properties of a restored or filled file that show later whether another process has undone the change. */
export interface Trace {
  readonly inode: string;
  /** The modification time, if every later write is certain to change it. */
  readonly mtimeMs?: number;
  /** Points that the file must still have. If undefined, it only must not be empty. */
  readonly landmarks?: readonly Landmark[];
}

/**
 * Returns the trace of a new file that is not published yet. Sets its modification time one second back: file times are
 * so coarse that otherwise a write by another process might not change them.
 *
 * @param now Unix time in seconds.
 */
export function traceOfNew(fd: number, data: Uint8Array, now: number): Trace {
  const mtime = Math.floor(Date.now() / 1000) - 1;
  futimesSync(fd, mtime, mtime);
  return { inode: inodeOf(fd), mtimeMs: mtime * 1000, ...withLandmarks(data, () => landmarksOf(data, now)) };
}

/** Returns the trace of a filled file. @param local its content before the fill. */
export function traceOfFill(fd: number, local: Uint8Array, writes: Iterable<FillWrite>, now: number): Trace {
  return { inode: inodeOf(fd), ...withLandmarks(local, () => landmarksOfFill(local, writes, now)) };
}

export function inodeOf(fd: number): string {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return `${dev}:${ino}`;
}

/** Returns the device number of the file, in decimal. */
export function deviceOf({ inode }: Trace): string {
  return inode.slice(0, inode.indexOf(':'));
}

function withLandmarks(bytes: Uint8Array, landmarks: () => Landmark[]): Pick<Trace, 'landmarks'> {
  return hasLandmarks(bytes) ? { landmarks: landmarks() } : {};
}

/**
 * Landmarks need separate slots: in a file with overlapping archives, an update may overwrite points of another one.
 */
function hasLandmarks(bytes: Uint8Array): boolean {
  if (isCompressed(bytes) || inspect(bytes).verdict === 'damaged') return false;
  return unmatchable(parseHeader(bytes)) === undefined;
}
