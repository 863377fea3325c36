import {
  chmodSync,
  chownSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  type Stats,
  statSync,
} from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { codeOf, WhisperBackupError } from '../errors.ts';
import { temporaryBeside } from './temporary.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface PlaceOptions {
  /** Who gets what is made. @default the owner of the nearest directory that was there */
  readonly owner?: Owner;
  /** @default false */
  readonly dryRun?: boolean;
}

/**
 * Finds where a directory below the prefix really is, making those that are missing (mode 0755). Its name comes from a
 * bucket, so no symbolic link on the way may lead out of the prefix.
 *
 * @param relative its path below the prefix; empty for the prefix itself.
 * @returns its path with every link resolved.
 * @throws WhisperBackupError `OUTSIDE_PREFIX`, `NOT_A_DIRECTORY`, or the system's error.
 */
export function placeDirectory(prefix: string, relative: string, options: PlaceOptions): string {
  let directory = makePrefix(prefix, options);
  const root = directory;
  for (const name of relative === '' ? [] : relative.split('/')) {
    const path = join(directory, name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (!found) makeDirectory(path, options);
    const isLink = found?.isSymbolicLink() ?? false;
    directory = isLink ? realInside(root, path) : path;
    if (found && !(isLink ? statSync(directory) : found).isDirectory())
      throw new WhisperBackupError('NOT_A_DIRECTORY', `Cannot restore to ${relative}: ${path} is not a directory`);
  }
  return directory;
}

/**
 * The path itself, or what it links to when it is a link.
 *
 * @throws WhisperBackupError `OUTSIDE_PREFIX` when that is not below the prefix.
 */
export function realInside(prefix: string, path: string): string {
  const root = realpathSync.native(prefix);
  const real = realpathSync.native(path);
  if (real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)) return real;
  throw new WhisperBackupError('OUTSIDE_PREFIX', `Cannot restore ${path}: it links to ${real}, outside ${prefix}`);
}

/** Gives a new file, open, to the owner asked for, or else to that of its directory. */
export function giveFileTo(fd: number, asked: Owner | undefined, ofDirectory: Owner): void {
  give(fstatSync(fd), asked, ofDirectory, (uid, gid) => fchownSync(fd, uid, gid));
}

/** The same for a new directory, by its path. */
function giveDirectoryTo(path: string, asked: Owner | undefined): void {
  give(statSync(path), asked, asked ?? statSync(dirname(path)), (uid, gid) => chownSync(path, uid, gid));
}

function give(now: Owner, asked: Owner | undefined, otherwise: Owner, chown: (uid: number, gid: number) => void): void {
  const { uid, gid } = asked ?? otherwise;
  if (now.uid === uid && now.gid === gid) return;
  try {
    chown(uid, gid);
  } catch (error) {
    // Only root may give files away; nobody asked for it by name.
    if (asked || codeOf(error) !== 'EPERM') throw error;
  }
}

/** Makes the prefix itself where it is missing, and tells where it really is. */
export function makePrefix(prefix: string, options: PlaceOptions): string {
  const found: Stats | undefined = statSync(prefix, { throwIfNoEntry: false });
  if (found) return realpathSync.native(prefix);
  const parent = makePrefix(dirname(prefix), options);
  const path = join(parent, basename(prefix));
  makeDirectory(path, options);
  return path;
}

/** Under another name first: other workers, which go by the owner of what they find, must not find it as root's. */
function makeDirectory(path: string, options: PlaceOptions): void {
  if (options.dryRun) return;
  const temporary = temporaryBeside(path);
  mkdirSync(temporary);
  try {
    chmodSync(temporary, 0o755);
    giveDirectoryTo(temporary, options.owner);
    renameSync(temporary, path);
  } catch (error) {
    rmdirSync(temporary);
    // Another worker or carbon made it, and has put something into it.
    if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
  }
}
