import {
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
} from 'node:fs';
import { join } from 'node:path';
import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import { type MakeDirectory, openDirectory } from '../system/descent.ts';
import { currentUser } from '../system/link-rule.ts';
import { OpenDirectory } from '../system/open-directory.ts';
import { MORE_FILES } from '../system/open-files.ts';
import { temporaryName } from './temporary.ts';

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
 * Opens a directory below the prefix, making those that are missing (mode 0755), the prefix too.
 *
 * @param relative its path below the prefix; empty for the prefix itself.
 * @returns undefined in a dry run if it is missing. To be closed.
 * @throws WhisperBackupError `NOT_A_DIRECTORY`, or as `openDirectory` does of links; the system's error.
 */
export function placeDirectory(
  prefix: string,
  relative: string,
  options: PlaceOptions & { readonly dryRun?: false },
): OpenDirectory;
export function placeDirectory(prefix: string, relative: string, options: PlaceOptions): OpenDirectory | undefined;
export function placeDirectory(prefix: string, relative: string, options: PlaceOptions): OpenDirectory | undefined {
  const path = relative === '' ? prefix : join(prefix, relative);
  if (!options.dryRun) return openDirectory(path, makerOf(options));
  try {
    return openDirectory(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Opens the prefix, making it where it is missing. To be closed. */
export function makePrefix(prefix: string, options: Pick<PlaceOptions, 'owner'>): OpenDirectory {
  return openDirectory(prefix, makerOf(options));
}

/** Gives a new file or directory, open, to the owner asked for, or else to that of its directory. */
export function giveTo(fd: number, asked: Owner | undefined, ofDirectory: Owner): void {
  const now = fstatSync(fd);
  const { uid, gid } = asked ?? ofDirectory;
  if (now.uid === uid && now.gid === gid) return;
  try {
    fchownSync(fd, uid, gid);
  } catch (error) {
    // Only root may give files away; nobody asked for it by name.
    if (asked || codeOf(error) !== 'EPERM') throw error;
  }
}

/** Under another name first: other workers, which go by the owner of what they find, must not find it as root's. */
function makerOf(options: PlaceOptions): MakeDirectory {
  return (parent, name) => {
    const temporary = temporaryName();
    mkdirSync(parent.at(temporary), 0o700);
    let made: OpenDirectory | undefined;
    try {
      const fd = openSync(parent.at(temporary), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      made = new OpenDirectory(join(parent.path, name), fd);
      assertOurs(made, parent);
      fchmodSync(fd, 0o755);
      giveTo(fd, options.owner, parent.stats());
      renameSync(parent.at(temporary), parent.at(name));
      return made;
    } catch (error) {
      made?.close();
      removeIfThere(parent.at(temporary));
      // Another worker or carbon made it, and has put something into it.
      if (codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST') return undefined;
      throw error;
    }
  };
}

/** The owner of the parent may have put another directory under the name of the one that we made. */
function assertOurs(made: OpenDirectory, parent: OpenDirectory): void {
  if (made.stats().uid === currentUser() && readdirSync(made.at('.')).length === 0) return;
  throw new WhisperBackupError(
    'EXCHANGED',
    `Cannot make a directory in ${parent.path}: somebody exchanged it for another`,
  );
}

function removeIfThere(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    // Exchanged for something else, which is not ours to remove.
    if (!['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error;
  }
}

/** What the operating system may say to one who writes to the tree, and what a person can do about it. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the file system: free some, and restore again; what is there stays',
  EDQUOT: 'the disk quota is used up: raise it, and restore again; what is there stays',
  EROFS: 'the file system is read-only: mount it read-write',
  EACCES: 'permission denied: run as a user who may write there',
  EMFILE: `too many files are open in this process: ${MORE_FILES}`,
  EPERM: 'permission denied: run as a user who may write there',
};

/**
 * Names what could not be done, and the remedy, where the system's error says neither. Errors of our own stay as they
 * are, and every one keeps its code.
 *
 * @param doing what was tried: `restore /opt/graphite/storage/whisper/a.wsp`.
 */
export function refusal(error: unknown, doing: string): unknown {
  const code = codeOf(error);
  if (error instanceof WhisperBackupError || !/^E[A-Z0-9]+$/.test(code)) return error;
  const remedy = REMEDIES[code];
  const why = remedy === undefined ? reasonOf(error) : `${remedy} (${code})`;
  return new WhisperBackupError(code, `Cannot ${doing}: ${why}`, { cause: error });
}
