import { InvalidOptionError } from '../common/errors.ts';
import { loadKoffi } from './libc.ts';

/**
 * Resolves `user:group`, names or numbers, with getpwnam(3) and getgrnam(3), so that LDAP works too.
 *
 * @throws InvalidOptionError if the user or the group does not exist.
 */
export function resolveOwner(text: string): { uid: number; gid: number } {
  const [user, group, ...more] = text.split(':');
  if (!user || !group || more.length > 0)
    throw new InvalidOptionError(`Cannot set the owner ${JSON.stringify(text)}: it must have the form user:group`);
  return { uid: idOf('user', user), gid: idOf('group', group) };
}

function idOf(kind: 'user' | 'group', name: string): number {
  if (/^\d+$/.test(name)) return Number(name);
  const { struct, field, call } = kind === 'user' ? passwd : group;
  const koffi = loadKoffi();
  const type = koffi.struct(struct);
  const entry = koffi.load(null).func(call, koffi.pointer(type), ['const char *'])(name);
  if (entry === null)
    throw new InvalidOptionError(`Cannot set the owner: there is no ${kind} ${JSON.stringify(name)} on this host`);
  return Number(koffi.decode(entry, type)[field]);
}

/** The first fields of `struct passwd` and `struct group`, which are the same in glibc and musl. */
const passwd = {
  call: 'getpwnam',
  field: 'pw_uid',
  struct: { pw_name: 'const char *', pw_passwd: 'const char *', pw_uid: 'uint32_t' },
};
const group = {
  call: 'getgrnam',
  field: 'gr_gid',
  struct: { gr_name: 'const char *', gr_passwd: 'const char *', gr_gid: 'uint32_t' },
};
