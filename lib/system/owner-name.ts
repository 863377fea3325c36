import { InvalidOptionError } from '../common/errors.ts';
import { libc } from './libc.ts';

/**
 * Resolves `user:group`, names or numbers, through the C library, so that LDAP and the like work too.
 *
 * @throws InvalidOptionError when there is no such user or group.
 */
export function resolveOwner(text: string): { uid: number; gid: number } {
  const [user, group, ...more] = text.split(':');
  if (!user || !group || more.length > 0)
    throw new InvalidOptionError(`Cannot set an owner: 'owner' must be user:group: got ${JSON.stringify(text)}`);
  return { uid: idOf('user', user), gid: idOf('group', group) };
}

function idOf(kind: 'user' | 'group', name: string): number {
  if (/^\d+$/.test(name)) return Number(name);
  const { getpwnam, getgrnam, userIdOf, groupIdOf } = libc();
  const entry = kind === 'user' ? getpwnam(name) : getgrnam(name);
  if (entry === null)
    throw new InvalidOptionError(`Cannot set an owner: there is no ${kind} ${JSON.stringify(name)} on this host`);
  return kind === 'user' ? userIdOf(entry) : groupIdOf(entry);
}
