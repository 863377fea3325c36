import { closeSync, constants, existsSync, fstatSync, lstatSync, openSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { codeOf, WhisperBackupError } from '../common/errors.ts';
import { currentUser } from './link-rule.ts';
import { readOpenLink } from './read-link.ts';

/** Whether what an open directory holds can be named through its descriptor. */
const HAS_PROC = process.platform === 'linux' && existsSync('/proc/self/fd');

/** Linux opens with O_PATH what it is not allowed to read, and symbolic links themselves. */
const O_PATH = process.platform === 'linux' ? 0o10000000 : constants.O_RDONLY;

/**
 * A directory that is held open. All that is done by the names that {@link at} gives is done in this very directory,
 * whatever is renamed or linked meanwhile.
 */
export class OpenDirectory {
  /** Where it was when it was opened, without links: for messages. */
  readonly path: string;
  readonly #fd: number;
  #holders = 1;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  /** The path of a name in it, for system calls. */
  at(name: string): string {
    return HAS_PROC ? `/proc/self/fd/${this.fd}/${name}` : join(this.path, name);
  }

  get fd(): number {
    if (this.#holders === 0) throw new TypeError(`The directory ${this.path} was closed`);
    return this.#fd;
  }

  stats(): Stats {
    return fstatSync(this.fd);
  }

  /** Whether its path still stands for it. */
  isInPlace(): boolean {
    const found = lstatSync(this.path, { bigint: true, throwIfNoEntry: false });
    const own = fstatSync(this.fd, { bigint: true });
    return found?.ino === own.ino && found.dev === own.dev;
  }

  /** For one more user, who closes it as well: the last one closes the descriptor. */
  share(): this {
    this.#holders++;
    return this;
  }

  close(): void {
    if (this.#holders > 0 && --this.#holders === 0) closeSync(this.#fd);
  }
}

/** What a name in a directory stands for, open. */
export interface Entry {
  /** Not of a link, where the system cannot open one. */
  readonly fd: number | undefined;
  readonly stats: Stats;
}

/**
 * Opens what a name stands for, without following a link, and only to look at it and to go through it.
 *
 * @returns undefined if there is nothing.
 */
export function openEntry(directory: OpenDirectory, name: string): Entry | undefined {
  const path = directory.at(name);
  if (process.platform !== 'linux') {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (!stats?.isDirectory()) return stats && { fd: undefined, stats };
  }
  let fd: number;
  try {
    fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return { fd, stats: fstatSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

export function closeEntry({ fd }: Entry): void {
  if (fd !== undefined) closeSync(fd);
}

/** Where a link leads to. */
export function textOfLink(link: Entry, directory: OpenDirectory, name: string): string {
  return link.fd === undefined ? readlinkSync(directory.at(name)) : readOpenLink(link.fd);
}

/**
 * The root of the file system, where every path begins.
 *
 * @throws WhisperBackupError `NO_PROC` to root on a system without /proc, where a path could be turned against it.
 */
export function openRoot(): OpenDirectory {
  if (!HAS_PROC && currentUser() === 0) {
    const remedy = 'mount /proc, or run as the owner of the tree';
    throw new WhisperBackupError('NO_PROC', `Cannot write to the tree as root without /proc/self/fd: ${remedy}`);
  }
  return new OpenDirectory('/', openSync('/', O_PATH | constants.O_DIRECTORY));
}
