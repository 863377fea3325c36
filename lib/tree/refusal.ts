import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import { MORE_FILES } from '../system/open-files.ts';

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
