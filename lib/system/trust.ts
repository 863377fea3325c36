import { constants, type Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../common/errors.ts';

const OTHERS_WRITE = constants.S_IWGRP | constants.S_IWOTH;

/**
 * Checks that only root or this user can write to one of our directories. Its owner may also be another user to whom
 * root or this user gave it, as systemd does with the directories of a service.
 *
 * @returns why it is not trusted and what to do; undefined if it is trusted or missing.
 */
export async function whyDirectoryNotTrusted(path: string): Promise<string | undefined> {
  try {
    const real = await realpath(path);
    const found = await stat(real);
    if (othersWrite(found)) return `other users may write ${path}: run chmod go-w ${path}`;
    if (isOurs(found)) return undefined;
    const above = await stat(dirname(real));
    if (isOurs(above) || above.uid === found.uid) return await whyDirectoryNotTrusted(dirname(real));
    return `${path} belongs to user ${found.uid}: give it to the user that backups run as (chown)`;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/**
 * Checks that only root or this user can write to a file in a trusted directory.
 *
 * @returns why it is not trusted and what to do; undefined if it is trusted or missing.
 */
export async function whyFileNotTrusted(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return `${path} is not a regular file`;
    if (othersWrite(found)) return `other users may write ${path}: run chmod go-w ${path}`;
    if (isOurs(found) || found.uid === (await stat(dirname(path))).uid) return undefined;
    return `${path} belongs to user ${found.uid}, who does not own its directory: remove it`;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function othersWrite({ mode }: Stats): boolean {
  return (mode & OTHERS_WRITE) !== 0;
}

function isOurs({ uid }: Stats): boolean {
  return uid === 0 || uid === process.geteuid?.();
}
