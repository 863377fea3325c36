import { closeSync, constants, existsSync, fstatSync, lstatSync, openSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { codeOf, WhisperBackupError } from '../common/errors.ts';
import { currentUser } from './link-rule.ts';
import { readOpenLink } from './read-link.ts';

/** Whether the entries of an open directory can be addressed as /proc/self/fd/N/name. */
const HAS_PROC = process.platform === 'linux' && existsSync('/proc/self/fd');

/** On Linux O_PATH opens even unreadable files, and symbolic links themselves. */
const O_PATH = process.platform === 'linux' ? 0o10000000 : constants.O_RDONLY;

/**
 * An open directory. The paths that {@link at} returns always refer to this directory, even if it or a parent is
 * renamed or replaced meanwhile.
 */
export class OpenDirectory {
  /** Its path without links when it was opened, for messages. */
  readonly path: string;
  readonly #fd: number;
  #holders = 1;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  /** Returns the path of an entry, for system calls. */
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

  /** Whether its path still refers to it. */
  isInPlace(): boolean {
    const found = lstatSync(this.path, { bigint: true, throwIfNoEntry: false });
    const own = fstatSync(this.fd, { bigint: true });
    return found?.ino === own.ino && found.dev === own.dev;
  }

  /** Adds a user, who must call `close` too. The last `close` closes the descriptor. */
  share(): this {
    this.#holders++;
    return this;
  }

  close(): void {
    if (this.#holders > 0 && --this.#holders === 0) closeSync(this.#fd);
  }
}

export interface Entry {
  /** Undefined for a link on systems that cannot open links. */
  readonly fd: number | undefined;
  readonly stats: Stats;
}

/**
 * Opens an entry of a directory for stat and traversal only, without following a link.
 *
 * @returns undefined if it does not exist.
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

export function readLinkTarget(link: Entry, directory: OpenDirectory, name: string): string {
  return link.fd === undefined ? readlinkSync(directory.at(name)) : readOpenLink(link.fd);
}

/**
 * Opens the root directory.
 *
 * @throws WhisperBackupError `NO_PROC` if this is root and /proc is missing: other users could redirect its paths.
 */
export function openRoot(): OpenDirectory {
  if (!HAS_PROC && currentUser() === 0) {
    const remedy = 'Mount /proc, or run as the owner of the tree.';
    throw new WhisperBackupError('NO_PROC', `Cannot write to the tree as root: /proc/self/fd is missing. ${remedy}`);
  }
  return new OpenDirectory('/', openSync('/', O_PATH | constants.O_DIRECTORY));
}
