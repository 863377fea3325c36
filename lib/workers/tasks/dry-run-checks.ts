import { lstatSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WhisperBackupError } from '../../common/errors.ts';
import { assertAccess } from '../../system/access.ts';
import { currentUser } from '../../system/link-rule.ts';
import type { Place } from '../../system/open-place.ts';
import type { Owner } from '../../tree/place.ts';

/** The room that a new file takes, and what its file system has. */
export interface SpaceUse {
  /** Which file system. */
  readonly device: number;
  /** In bytes, in whole blocks. */
  readonly needed: number;
  readonly free: number;
  /** How many more files there can be; undefined where there is no bound. */
  readonly freeFiles?: number;
}

interface FileToCreate {
  readonly prefix: string;
  /** Below the prefix, without `.wsp`. */
  readonly path: string;
  readonly owner?: Owner;
}

/** A name that is longer cannot be made on any of Linux's file systems. */
const NAME_BYTES = 255;

/**
 * Checks what making a file would meet, without making it: rights, the owner asked for, and how much room there is.
 *
 * @param place undefined when its directory is missing as well.
 * @param replaces the bytes that are free when it is in its place.
 * @throws Error with the operating system's `code`, as the real run would.
 */
export function checkCreate(task: FileToCreate, place: Place | undefined, bytes: number, replaces = 0): SpaceUse {
  const directory = place?.beside('.') ?? nearestDirectory(task);
  assertAccess(directory, 'write', 'search');
  assertMayChangeOwner(task.owner);
  const { bsize, bavail, bfree, files, ffree } = statfsSync(directory);
  const needed = Math.ceil(bytes / bsize) * bsize;
  return {
    device: statSync(directory).dev,
    needed: Math.max(0, needed - replaces),
    // Root may use what is kept for it.
    free: bsize * (currentUser() === 0 ? bfree : bavail),
    ...(files > 0 && { freeFiles: ffree }),
  };
}

/** Checks what filling a file would meet. */
export function checkWrite(place: Place): void {
  assertAccess(place.at, 'read', 'write');
}

/**
 * Checks in a dry run what opening the prefix, or making it, would meet.
 *
 * @throws Error with the operating system's `code`.
 */
export function checkPrefixAccess(prefix: string): void {
  const isThere = lstatSync(prefix, { throwIfNoEntry: false }) !== undefined;
  if (isThere) {
    assertAccess(prefix, 'read', 'search');
    return;
  }
  const directory = nearestDirectory({ prefix, path: '' });
  assertAccess(directory, 'write', 'search');
  const { files, ffree } = statfsSync(directory);
  if (files > 0 && ffree === 0) throw Object.assign(new Error('ENOSPC: no space left, mkdir'), { code: 'ENOSPC' });
}

/** The nearest directory above a file that is there. */
function nearestDirectory({ prefix, path }: FileToCreate): string {
  for (const name of `${path}.wsp`.split('/')) {
    if (Buffer.byteLength(name) > NAME_BYTES)
      throw new WhisperBackupError('ENAMETOOLONG', `Cannot restore ${path}.wsp: the name ${name} is too long`);
  }
  let directory = path === '' ? prefix : dirname(join(prefix, path));
  while (!lstatSync(directory, { throwIfNoEntry: false })) directory = dirname(directory);
  return directory;
}

/** Only root may give a file to another user, or to a group that it is not in. */
function assertMayChangeOwner(owner: Owner | undefined): void {
  if (!owner || currentUser() === 0) return;
  const groups = [process.getegid?.(), ...(process.getgroups?.() ?? [])];
  if (owner.uid === currentUser() && groups.includes(owner.gid)) return;
  throw Object.assign(new Error('EPERM: operation not permitted, fchown'), { code: 'EPERM' });
}
