import {
  chmodSync,
  chownSync,
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
    directory = found?.isSymbolicLink() ? realInside(root, path) : path;
    if (found && !statSync(directory).isDirectory())
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
  const root = realpathSync(prefix);
  const real = realpathSync(path);
  if (real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)) return real;
  throw new WhisperBackupError('OUTSIDE_PREFIX', `Cannot restore ${path}: it links to ${real}, outside ${prefix}`);
}

/** Gives a new file to the owner asked for, or to that of the directory it is in. */
export function giveTo(path: string, owner: Owner | undefined): void {
  const { uid, gid } = owner ?? statSync(dirname(path));
  const now = statSync(path);
  if (now.uid === uid && now.gid === gid) return;
  try {
    chownSync(path, uid, gid);
  } catch (error) {
    // Only root may give files away; nobody asked for it by name.
    if (owner || codeOf(error) !== 'EPERM') throw error;
  }
}

/** Makes the prefix itself where it is missing, and tells where it really is. */
export function makePrefix(prefix: string, options: PlaceOptions): string {
  const found: Stats | undefined = statSync(prefix, { throwIfNoEntry: false });
  if (found) return realpathSync(prefix);
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
    giveTo(temporary, options.owner);
    renameSync(temporary, path);
  } catch (error) {
    rmdirSync(temporary);
    // Another worker or carbon made it, and has put something into it.
    if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
  }
}
