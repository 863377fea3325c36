import { lstatSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WhisperBackupError } from '../../common/errors.ts';
import { assertAccess } from '../../system/access.ts';
import { currentUser } from '../../system/link-rule.ts';
import type { Place } from '../../system/open-place.ts';
import type { Owner } from '../../tree/place.ts';

/** The space that a new file needs, and the free space of its file system. */
export interface SpaceUse {
  /** Device number of the file system. */
  readonly device: number;
  /** In bytes; whole blocks. */
  readonly needed: number;
  /** In bytes. */
  readonly free: number;
  /** Free inodes; absent if the file system has no limit. */
  readonly freeFiles?: number;
}

interface FileToCreate {
  readonly prefix: string;
  /** Below the prefix, without `.wsp`. */
  readonly path: string;
  readonly owner?: Owner;
}

/** The longest file name on Linux. */
const NAME_BYTES = 255;

/**
 * Checks in a dry run that a file could be created: access rights, and the right to set its owner.
 *
 * @param place undefined if its directory does not exist either.
 * @param replaces size of the file that it would replace, in bytes.
 * @returns the space that it needs.
 * @throws Error with the operating system's `code`, as in a real run.
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
    // Root may use reserved blocks.
    free: bsize * (currentUser() === 0 ? bfree : bavail),
    ...(files > 0 && { freeFiles: ffree }),
  };
}

/** Checks in a dry run that a file could be filled. @throws Error of the system. */
export function checkWrite(place: Place): void {
  assertAccess(place.at, 'read', 'write');
}

/**
 * Checks in a dry run that the prefix could be opened, or created if it is missing.
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

/** Returns the nearest existing directory above a file. */
function nearestDirectory({ prefix, path }: FileToCreate): string {
  for (const name of `${path}.wsp`.split('/')) {
    if (Buffer.byteLength(name) > NAME_BYTES)
      throw new WhisperBackupError('ENAMETOOLONG', `Cannot restore ${path}.wsp: the name ${name} is too long`);
  }
  let directory = path === '' ? prefix : dirname(join(prefix, path));
  while (!lstatSync(directory, { throwIfNoEntry: false })) directory = dirname(directory);
  return directory;
}

/** Only root may give a file to another user, or to a group of which it is not a member. */
function assertMayChangeOwner(owner: Owner | undefined): void {
  if (!owner || currentUser() === 0) return;
  const groups = [process.getegid?.(), ...(process.getgroups?.() ?? [])];
  if (owner.uid === currentUser() && groups.includes(owner.gid)) return;
  throw Object.assign(new Error('EPERM: operation not permitted, fchown'), { code: 'EPERM' });
}
