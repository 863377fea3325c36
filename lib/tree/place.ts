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
import { OPEN_FILES_REMEDY } from '../system/open-files.ts';
import { temporaryName } from './temporary.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface PlaceOptions {
  /** Owner of created directories. @default the owner of the nearest existing parent */
  readonly owner?: Owner;
  /** @default false */
  readonly dryRun?: boolean;
}

/**
 * Opens a directory below the prefix. Creates missing directories with mode 0755, including the prefix.
 *
 * @param relative path below the prefix; empty for the prefix itself.
 * @returns an open directory that the caller must close; undefined in a dry run if it is missing.
 * @throws WhisperBackupError as `openDirectory` does.
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

/** Changes the owner of a new file or directory to the requested owner, else to that of its directory. */
export function setOwner(fd: number, requested: Owner | undefined, directoryOwner: Owner): void {
  const now = fstatSync(fd);
  const { uid, gid } = requested ?? directoryOwner;
  if (now.uid === uid && now.gid === gid) return;
  try {
    fchownSync(fd, uid, gid);
  } catch (error) {
    // Only root may change owners. Ignore that unless an owner was requested.
    if (requested || codeOf(error) !== 'EPERM') throw error;
  }
}

/**
 * Creates a directory under a temporary name first: other workers copy the owner of the directories that they find, and
 * must not find it while it belongs to root.
 */
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
      setOwner(fd, options.owner, parent.stats());
      renameSync(parent.at(temporary), parent.at(name));
      return made;
    } catch (error) {
      made?.close();
      removeIfThere(parent.at(temporary));
      // Another worker or carbon has created it with content.
      if (codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST') return undefined;
      throw error;
    }
  };
}

/** The owner of the parent may have replaced the new directory by another one. */
function assertOurs(made: OpenDirectory, parent: OpenDirectory): void {
  if (made.stats().uid === currentUser() && readdirSync(made.at('.')).length === 0) return;
  throw new WhisperBackupError('EXCHANGED', `Cannot create a directory in ${parent.path}: another process replaced it`);
}

function removeIfThere(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    // It was replaced by something that is not ours.
    if (!['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error;
  }
}

/** Causes and remedies for errors of the operating system when writing to the tree. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the file system: free some, and restore again; restored files are kept',
  EDQUOT: 'disk quota exceeded: raise it, and restore again; restored files are kept',
  EROFS: 'the file system is read-only: mount it read-write',
  EACCES: 'permission denied: run as a user with write access',
  EMFILE: `too many open files in this process: ${OPEN_FILES_REMEDY}`,
  EPERM: 'permission denied: run as a user with write access',
};

/**
 * Turns a system error into one that names the failed action and a remedy. Returns other errors unchanged.
 *
 * @param doing the failed action: `restore /opt/graphite/storage/whisper/a.wsp`.
 */
export function explainSystemError(error: unknown, doing: string): unknown {
  const code = codeOf(error);
  if (error instanceof WhisperBackupError || !/^E[A-Z0-9]+$/.test(code)) return error;
  const remedy = REMEDIES[code];
  const why = remedy === undefined ? reasonOf(error) : `${remedy} (${code})`;
  return new WhisperBackupError(code, `Cannot ${doing}: ${why}`, { cause: error });
}
