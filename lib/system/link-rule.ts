import { WhisperBackupError } from '../common/errors.ts';

interface Owned {
  readonly uid: number;
}

/**
 * Returns whether this user may follow a symbolic link. Root follows a link only if root owns it, or if the same user
 * owns the link and its target. Otherwise the owner of a tree could make root write anywhere. Other users may follow
 * every link, because the system checks their rights.
 *
 * @param target the final target of the link.
 * @param user effective user id. @default that of this process
 */
export function mayFollow(link: Owned, target: Owned, user: number = currentUser()): boolean {
  return user !== 0 || link.uid === 0 || link.uid === target.uid;
}

export function currentUser(): number {
  return process.geteuid?.() ?? -1;
}

export function untrustedLink(path: string, link: Owned, target: Owned): WhisperBackupError {
  const remedy = `Make root the owner of the link (chown -h root), or run as user ${link.uid}.`;
  return new WhisperBackupError(
    'UNTRUSTED_LINK',
    `Cannot follow the link ${path} as root: it belongs to user ${link.uid}, its target to user ${target.uid}. ${remedy}`,
  );
}

export function danglingLink(path: string, options?: { readonly cause: unknown }): WhisperBackupError {
  const message = `Cannot follow the link ${path}: its target does not exist. Mount or create it, or remove the link.`;
  return new WhisperBackupError('DANGLING_LINK', message, options);
}

export function linkLoop(path: string, options?: { readonly cause: unknown }): WhisperBackupError {
  const message = `Cannot follow the link ${path}: it is part of a loop of links. Remove it.`;
  return new WhisperBackupError('LINK_LOOP', message, options);
}

/**
 * Prevents root from writing to a hard link that belongs to another user than its directory: the owner of the directory
 * may have linked a file of somebody else into it.
 *
 * @param directory the directory that contains the file.
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
    `Cannot write to ${path} as root: ${why}. Remove it or the other links`,
  );
}
