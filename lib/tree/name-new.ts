import { closeSync, constants, fstatSync, linkSync, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { codeOf, WhisperBackupError } from '../common/errors.ts';
import { renameNew } from '../system/rename-new.ts';

/** What gives names to files; tests exchange it. */
export interface Naming {
  readonly link: (from: string, to: string) => void;
  readonly renameNew: (from: string, to: string) => void;
}

const SYSTEM: Naming = { link: linkSync, renameNew };

/** What link(2) says on a file system without hard links: FAT, some network and FUSE file systems. */
const WITHOUT_LINKS = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);
/** What renameat2(2) says where it cannot be told not to replace. */
const WITHOUT_NOREPLACE = new Set(['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

/**
 * Gives a file a new name if nothing has that name. It keeps the old one where the file system has hard links.
 *
 * @throws Error `EEXIST`, or whatever else the system says.
 */
export function nameNew(from: string, to: string, { link, renameNew }: Naming = SYSTEM): void {
  try {
    link(from, to);
  } catch (error) {
    if (!WITHOUT_LINKS.has(codeOf(error))) throw error;
    try {
      renameNew(from, to);
    } catch (error) {
      if (!WITHOUT_NOREPLACE.has(codeOf(error))) throw error;
      renameOverClaim(from, to);
    }
  }
}

/**
 * Takes the name by an empty file, then replaces that. carbon may have taken the empty file for one that it is creating:
 * then what it wrote in that moment is lost.
 */
function renameOverClaim(from: string, to: string): void {
  const fd = openSync(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    const claim = fstatSync(fd, { bigint: true });
    const named = lstatSync(to, { bigint: true, throwIfNoEntry: false });
    if (named?.ino !== claim.ino || named.dev !== claim.dev)
      throw new WhisperBackupError('EEXIST', `Cannot make ${to}: another process put a file there`);
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
 * Replaces a file, which is kept under another name. There is a file in its place at any time, where the file system has
 * hard links; and when the new one cannot be put there, it is the old one.
 *
 * @throws Error `EEXIST` when something has the other name.
 */
export function replaceAndKeep(from: string, to: string, aside: string, naming: Naming = SYSTEM): void {
  nameNew(to, aside, naming);
  try {
    renameSync(from, to);
  } catch (error) {
    if (lstatSync(to, { throwIfNoEntry: false })) unlinkSync(aside);
    else renameSync(aside, to);
    throw error;
  }
}
