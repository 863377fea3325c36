import { PermanentError } from '../../errors.ts';
import { quoted } from '../../key.ts';

/**
 * Returns an object's path after the account's URL: `container/key`, each segment percent-encoded.
 *
 * In URLs `.` and `..` have a meaning, even if encoded, so that a proxy could send another path. If a key has such a
 * segment, its slashes are encoded too, which makes the key one segment.
 *
 * @throws PermanentError for the keys `.` and `..`, which a URL cannot contain.
 */
export function objectPath(container: string, key: string): string {
  if (isDots(key)) throw new PermanentError(`Cannot use the key ${quoted(key)} on Swift: a URL cannot contain it`);
  const segments = key.split('/');
  const slash = segments.some(isDots) ? '%2F' : '/';
  return `${containerPath(container)}/${segments.map(encodeURIComponent).join(slash)}`;
}

/** @throws PermanentError for the containers `.` and `..`, which a URL cannot contain. */
export function containerPath(container: string): string {
  if (isDots(container))
    throw new PermanentError(`Cannot use the container ${quoted(container)}: a URL cannot contain it`);
  return encodeURIComponent(container);
}

function isDots(segment: string): boolean {
  return segment === '.' || segment === '..';
}
