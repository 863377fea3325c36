import { PermanentError } from '../../errors.ts';
import { byteLength, checkKey, quoted } from '../../key.ts';

/** Where objects are written before they get their names, relative to the bucket. No object can be in it. */
export const TEMPORARY = '.whisper-backup/tmp';

/** The longest file name on Linux file systems, in bytes. */
const MAX_NAME_BYTES = 255;

/**
 * Refuses keys that cannot be a path below the bucket, or would lead out of it.
 *
 * @param doing what was tried, for the message: `store`, `read`, `delete`.
 * @throws PermanentError
 */
export function checkPath(key: string, doing: string): void {
  checkKey(key, doing);
  const refuse = (why: string) => {
    throw new PermanentError(`Cannot ${doing} ${quoted(key)} on a disk: ${why}`);
  };
  for (const name of key.split('/')) {
    if (name === '' || name === '.' || name === '..') refuse(`${JSON.stringify(name)} cannot be a name in a path`);
    // A character is 3 bytes at most for each UTF-16 unit.
    if (name.length * 3 > MAX_NAME_BYTES) {
      const bytes = byteLength(name);
      if (bytes > MAX_NAME_BYTES) {
        refuse(
          `name too long for a file system: ${quoted(name)} has ${bytes} bytes, and ${MAX_NAME_BYTES} is the most`,
        );
      }
    }
  }
  if (isTemporary(key)) refuse(`${TEMPORARY} is kept for files that are being written`);
}

/** Whether a key or directory is, or is below, the directory of temporary files. */
export function isTemporary(key: string): boolean {
  return key.startsWith(TEMPORARY) && (key.length === TEMPORARY.length || key[TEMPORARY.length] === '/');
}
