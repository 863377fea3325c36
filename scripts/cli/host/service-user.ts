import type { Stats } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../../../lib/common/errors.ts';

/** The user that backups run as. */
export interface ServiceUser {
  readonly uid: number;
  readonly gid: number;
}

/** @returns where root asks, the owner of the Whisper files, if there are any; else the user that asks. */
export async function serviceUser(prefix: string): Promise<ServiceUser> {
  const asking = { uid: self(), gid: process.getegid?.() ?? 0 };
  if (asking.uid !== 0) return asking;
  const { uid, gid } = await stat(prefix).catch(() => asking);
  return { uid, gid };
}

/** The id of the user that runs this. */
export function self(): number {
  return process.geteuid?.() ?? 0;
}

/**
 * Why a user cannot read or write a file, or list or make files in a directory; undefined when it can. Of ourselves the
 * system tells; of another user owner, group and mode do, so that further groups and ACLs are not known of.
 */
export async function whyNot(
  what: 'read' | 'write',
  path: string,
  user: ServiceUser,
): Promise<'does not exist' | `is not ${'readable' | 'writable'} by user ${number} (${string})` | undefined> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'does not exist';
    throw error;
  }
  const why = user.uid === self() ? await refusal(what, path, found) : foreseen(what, found, user);
  return why === undefined
    ? undefined
    : `is not ${what === 'read' ? 'readable' : 'writable'} by user ${user.uid} (${why})`;
}

/** The nearest directory above a path that is there. */
export async function nearestDirectory(path: string): Promise<string> {
  const parent = dirname(path);
  if (parent === path) return path;
  return (await stat(parent).catch(() => undefined)) ? parent : nearestDirectory(parent);
}

async function refusal(what: 'read' | 'write', path: string, found: Stats): Promise<string | undefined> {
  const asked = what === 'read' ? constants.R_OK : constants.W_OK;
  try {
    await access(path, found.isDirectory() ? asked | constants.X_OK : asked);
    return undefined;
  } catch (error) {
    const code = codeOf(error);
    // Deno does not ask the system, but works it out from the mode, and forgets what root may do.
    return 'Deno' in globalThis && self() === 0 && code === 'EACCES' ? undefined : code;
  }
}

/** What the kernel would say, as far as the mode tells. */
function foreseen(what: 'read' | 'write', found: Stats, user: ServiceUser): string | undefined {
  if (user.uid === 0) return undefined;
  const shift = found.uid === user.uid ? 6 : found.gid === user.gid ? 3 : 0;
  const asked = (what === 'read' ? 4 : 2) | (found.isDirectory() ? 1 : 0);
  if (((found.mode >> shift) & asked) === asked) return undefined;
  return `it belongs to user ${found.uid}, mode ${(found.mode & 0o7777).toString(8).padStart(4, '0')}`;
}
