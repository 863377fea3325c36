import { WhisperBackupError } from '../common/errors.ts';

interface Owned {
  readonly uid: number;
}

/**
 * Whether a run may follow a symbolic link. Root follows a link only if it is root's, or if what it leads to belongs to
 * the link's owner: otherwise the owner of a tree could lead root to anywhere. Other users may follow every link, since
 * the system refuses them what they may not touch.
 *
 * @param target what the link leads to in the end.
 * @param user who this runs as.
 */
export function mayFollow(link: Owned, target: Owned, user: number = currentUser()): boolean {
  return user !== 0 || link.uid === 0 || link.uid === target.uid;
}

/** The user that this runs as. */
export function currentUser(): number {
  return process.geteuid?.() ?? -1;
}

/** What a run as root reports of a link that it does not follow. */
export function untrustedLink(path: string, link: Owned, target: Owned): WhisperBackupError {
  const remedy = `let root own the link (chown -h root), or run as user ${link.uid}`;
  return new WhisperBackupError(
    'UNTRUSTED_LINK',
    `Cannot follow the link ${path} as root: it belongs to user ${link.uid}, and its target to user ${target.uid}: ${remedy}`,
  );
}

export function danglingLink(path: string, options?: { readonly cause: unknown }): WhisperBackupError {
  const message = `Cannot follow the link ${path}: its target is not there: mount or create it, or remove the link`;
  return new WhisperBackupError('DANGLING_LINK', message, options);
}

export function linkLoop(path: string, options?: { readonly cause: unknown }): WhisperBackupError {
  const message = `Cannot follow the link ${path}: it leads back to where it came from: remove it`;
  return new WhisperBackupError('LINK_LOOP', message, options);
}

/**
 * Refuses to let root write to a file of another user that has a further name: the owner of a directory may have linked
 * it there from elsewhere.
 *
 * @param directory the one that its name is in.
 * @throws WhisperBackupError `FOREIGN_HARD_LINK`
 */
export function assertNoForeignHardLink(
  path: string,
  file: Owned & { readonly nlink: number },
  directory: Owned,
  user: number = currentUser(),
): void {
  if (user !== 0 || file.nlink < 2 || file.uid === directory.uid) return;
  const why = `it has ${file.nlink} hard links and belongs to user ${file.uid}, its directory to user ${directory.uid}`;
  throw new WhisperBackupError(
    'FOREIGN_HARD_LINK',
    `Cannot write to ${path} as root: ${why}: remove it, or the other links`,
  );
}
