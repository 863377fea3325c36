import { PermanentError } from '../../errors.ts';
import { quoted } from '../../key.ts';

/**
 * An object's path behind the account's URL: `container/key`, each segment percent-encoded.
 *
 * URLs give `.` and `..` a meaning that keys do not have, encoded or not, so that `fetch` would send another path. In a
 * key with such a segment the slashes are encoded too, which makes one segment of it.
 *
 * @throws PermanentError for the keys `.` and `..`, which no URL can name.
 */
export function objectPath(container: string, key: string): string {
  if (isDots(key)) throw new PermanentError(`Cannot use the key ${quoted(key)} on Swift: no URL can name it`);
  const segments = key.split('/');
  const slash = segments.some(isDots) ? '%2F' : '/';
  return `${containerPath(container)}/${segments.map(encodeURIComponent).join(slash)}`;
}

/** @throws PermanentError for the containers `.` and `..`, which no URL can name. */
export function containerPath(container: string): string {
  if (isDots(container)) throw new PermanentError(`Cannot use the container ${quoted(container)}: no URL can name it`);
  return encodeURIComponent(container);
}

function isDots(segment: string): boolean {
  return segment === '.' || segment === '..';
}
