import { PermanentError } from '../../errors.ts';
import { byteLength, checkKey, quoted } from '../../key.ts';

/** The directory of temporary files, relative to the bucket. It contains no objects. */
export const TEMPORARY = '.whisper-backup/tmp';

/** The longest file name on Linux file systems, in bytes. */
const MAX_NAME_BYTES = 255;

/**
 * Checks that a key is a valid path below the bucket.
 *
 * @param doing the action, for the message: `store`, `read`, `delete`.
 * @throws PermanentError if it is not.
 */
export function checkPath(key: string, doing: string): void {
  checkKey(key, doing);
  const refuse = (why: string) => {
    throw new PermanentError(`Cannot ${doing} ${quoted(key)} on a disk: ${why}`);
  };
  for (const name of key.split('/')) {
    if (name === '' || name === '.' || name === '..') refuse(`${JSON.stringify(name)} cannot be a name in a path`);
    // A UTF-16 unit has at most 3 bytes in UTF-8.
    if (name.length * 3 > MAX_NAME_BYTES) {
      const bytes = byteLength(name);
      if (bytes > MAX_NAME_BYTES) {
        refuse(`name too long for a file system: ${quoted(name)} has ${bytes} bytes, the limit is ${MAX_NAME_BYTES}`);
      }
    }
  }
  if (isTemporary(key)) refuse(`${TEMPORARY} is reserved for temporary files`);
}

/** Returns whether a key or directory is the directory of temporary files, or below it. */
export function isTemporary(key: string): boolean {
  return key.startsWith(TEMPORARY) && (key.length === TEMPORARY.length || key[TEMPORARY.length] === '/');
}
