import type { Stats } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../../../lib/common/errors.ts';

/** The user that runs backups. */
export interface ServiceUser {
  readonly uid: number;
  readonly gid: number;
}

/** @returns for root the owner of the Whisper tree if it exists; otherwise the current user. */
export async function serviceUser(prefix: string): Promise<ServiceUser> {
  const current = { uid: self(), gid: process.getegid?.() ?? 0 };
  if (current.uid !== 0) return current;
  const { uid, gid } = await stat(prefix).catch(() => current);
  return { uid, gid };
}

export function self(): number {
  return process.geteuid?.() ?? 0;
}

/**
 * Returns why a user cannot read or write a file, or list or create files in a directory; undefined if it can. For the
 * current user the system is asked. For another user the answer comes from owner, group and mode only: supplementary
 * groups and ACLs are not considered.
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
  const why = user.uid === self() ? await refusal(what, path, found) : refusalByMode(what, found, user);
  return why === undefined
    ? undefined
    : `is not ${what === 'read' ? 'readable' : 'writable'} by user ${user.uid} (${why})`;
}

/** Returns the nearest existing directory above a path. */
export async function nearestDirectory(path: string): Promise<string> {
  const parent = dirname(path);
  if (parent === path) return path;
  return (await stat(parent).catch(() => undefined)) ? parent : nearestDirectory(parent);
}

async function refusal(what: 'read' | 'write', path: string, found: Stats): Promise<string | undefined> {
  const wanted = what === 'read' ? constants.R_OK : constants.W_OK;
  try {
    await access(path, found.isDirectory() ? wanted | constants.X_OK : wanted);
    return undefined;
  } catch (error) {
    const code = codeOf(error);
    // Deno computes access from the mode, and ignores that root may read and write everything.
    return 'Deno' in globalThis && self() === 0 && code === 'EACCES' ? undefined : code;
  }
}

/** Computes from the mode whether the kernel would refuse. */
function refusalByMode(what: 'read' | 'write', found: Stats, user: ServiceUser): string | undefined {
  if (user.uid === 0) return undefined;
  const shift = found.uid === user.uid ? 6 : found.gid === user.gid ? 3 : 0;
  const wanted = (what === 'read' ? 4 : 2) | (found.isDirectory() ? 1 : 0);
  if (((found.mode >> shift) & wanted) === wanted) return undefined;
  return `it belongs to user ${found.uid}, mode ${(found.mode & 0o7777).toString(8).padStart(4, '0')}`;
}
