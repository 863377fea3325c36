import { closeSync, constants, fstatSync, linkSync, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { codeOf, WhisperBackupError } from '../common/errors.ts';
import { renameNew } from '../system/rename-new.ts';

/** System calls that tests replace. */
export interface Naming {
  readonly link: (from: string, to: string) => void;
  readonly renameNew: (from: string, to: string) => void;
}

const SYSTEM: Naming = { link: linkSync, renameNew };

/** Errors of link(2) on file systems without hard links: FAT, some network and FUSE file systems. */
const WITHOUT_LINKS = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);
/** Errors of renameat2(2) if `RENAME_NOREPLACE` is not supported. */
const WITHOUT_NOREPLACE = new Set(['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

/**
 * Gives a file a new name, unless that name exists. On a file system with hard links the file also keeps its old name.
 *
 * @throws Error of the system, `EEXIST` if the new name exists.
 */
export function linkOrRename(from: string, to: string, { link, renameNew }: Naming = SYSTEM): void {
  try {
    link(from, to);
  } catch (error) {
    if (!WITHOUT_LINKS.has(codeOf(error))) throw error;
    try {
      renameNew(from, to);
    } catch (error) {
      if (!WITHOUT_NOREPLACE.has(codeOf(error))) throw error;
      renameOverPlaceholder(from, to);
    }
  }
}

/**
 * Reserves the name with an empty file, then replaces that. If carbon opens the empty file in between, the points that
 * it writes to it are lost.
 */
function renameOverPlaceholder(from: string, to: string): void {
  const fd = openSync(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    const claim = fstatSync(fd, { bigint: true });
    const named = lstatSync(to, { bigint: true, throwIfNoEntry: false });
    if (named?.ino !== claim.ino || named.dev !== claim.dev)
      throw new WhisperBackupError('EEXIST', `Cannot create ${to}: another process has created it`);
    try {
      renameSync(from, to);
    } catch (error) {
      unlinkSync(to);
      throw error;
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * Replaces a file and keeps the old one under another name. If the replacement fails, the old file stays in its place.
 * On a file system with hard links the name `to` exists at any time.
 *
 * @throws Error of the system, `EEXIST` if the name `aside` exists.
 */
export function replaceKeepingOld(from: string, to: string, aside: string, naming: Naming = SYSTEM): void {
  linkOrRename(to, aside, naming);
  try {
    renameSync(from, to);
  } catch (error) {
    if (lstatSync(to, { throwIfNoEntry: false })) unlinkSync(aside);
    else renameSync(aside, to);
    throw error;
  }
}
