import { isAbsolute, join } from 'node:path';
import { codeOf, WhisperBackupError } from '../common/errors.ts';
import { danglingLink, linkLoop, mayFollow, untrustedLink } from './link-rule.ts';
import { closeEntry, type Entry, OpenDirectory, openEntry, openRoot, readLinkTarget } from './open-directory.ts';
import { Place } from './open-place.ts';

/** Creates a missing directory. Returns undefined if another process has created it, or in a dry run. */
export type MakeDirectory = (parent: OpenDirectory, name: string) => OpenDirectory | undefined;

/** As many links as Linux follows in one path (path_resolution(7)). */
const MAX_LINKS = 40;

/** Attempts to create a directory that other processes create and remove at the same time. */
const TRIES = 20;

/**
 * Opens a directory by opening each directory on its path from the root, so that none of them can be replaced by a link
 * that {@link mayFollow} forbids.
 *
 * @param make creates missing directories.
 * @throws WhisperBackupError `NOT_A_DIRECTORY`, `DANGLING_LINK`, `LINK_LOOP`, `UNTRUSTED_LINK`, `NO_PROC`
 * @throws Error of the system, e.g. `ENOENT` if a directory is missing and not created.
 */
export function openDirectory(path: string, make?: MakeDirectory): OpenDirectory {
  return descend((descent) => descent.walk(namesOf(path), make));
}

/**
 * Opens the directory of a file and follows links to the file too.
 *
 * @param mayBeMissing whether the target of a link may be missing, if its directory exists.
 * @returns the directory and a name in it that was not a link.
 * @throws WhisperBackupError as {@link openDirectory} does, and `NOT_REGULAR` if the path does not end with a file
 *   name.
 */
export function locateFile(path: string, mayBeMissing = false): Place {
  let name = '';
  const directory = descend((descent) => {
    name = descent.find(namesOf(path), mayBeMissing);
  });
  return new Place(directory, name);
}

/** `PATH_MAX` of Linux without the NUL. Descriptors allow longer paths, but no other program could open those. */
const MAX_PATH_BYTES = 4095;

/** @throws Error `ENAMETOOLONG` */
export function assertPathLength(path: string): void {
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return;
  throw Object.assign(new Error(`ENAMETOOLONG: name too long, ${path.slice(0, 100)}...`), { code: 'ENAMETOOLONG' });
}

function namesOf(path: string): string[] {
  assertPathLength(path);
  return (isAbsolute(path) ? path : join(process.cwd(), path)).split('/').filter(isName);
}

function isName(name: string): boolean {
  return name !== '' && name !== '.';
}

function descend(way: (descent: Descent) => void): OpenDirectory {
  const descent = new Descent();
  try {
    way(descent);
    return descent.here.share();
  } finally {
    descent.close();
  }
}

class Descent {
  readonly #open: OpenDirectory[] = [openRoot()];
  #links = 0;

  get here(): OpenDirectory {
    const last = this.#open.at(-1);
    if (!last) throw new TypeError('A descent was closed');
    return last;
  }

  close(): void {
    for (const directory of this.#open.splice(0)) directory.close();
  }

  walk(names: readonly string[], make?: MakeDirectory): void {
    for (const name of names) {
      if (name === '..') this.#up();
      else this.#enter(name, make);
    }
  }

  /** Walks to the directory that really has the file, through links. @returns the name of the file in it. */
  find(names: readonly string[], mayBeMissing: boolean): string {
    const name = names.at(-1);
    if (name === undefined || name === '..')
      throw new WhisperBackupError('NOT_REGULAR', `Cannot read ${this.here.path}: it is not a regular file`);
    this.walk(names.slice(0, -1));
    const entry = openEntry(this.here, name);
    if (!entry?.stats.isSymbolicLink()) {
      if (entry) closeEntry(entry);
      return name;
    }
    const link = join(this.here.path, name);
    const text = this.#read(entry, name);
    return this.#follow(link, entry, text, (way) => {
      const found = this.find(way, mayBeMissing);
      const target = openEntry(this.here, found);
      if (target) closeEntry(target);
      else if (!mayBeMissing) throw danglingLink(link);
      return { result: found, target: target?.stats ?? this.here.stats() };
    });
  }

  #enter(name: string, make: MakeDirectory | undefined): void {
    const path = join(this.here.path, name);
    for (let tries = 1; ; tries++) {
      const entry = openEntry(this.here, name);
      if (entry) {
        this.#enterEntry(entry, name, path);
        return;
      }
      const made = tries <= TRIES ? make?.(this.here, name) : undefined;
      if (made) {
        this.#open.push(made);
        return;
      }
      if (!make || tries > TRIES)
        throw Object.assign(new Error(`ENOENT: no such file or directory, ${path}`), { code: 'ENOENT' });
    }
  }

  #enterEntry(entry: Entry, name: string, path: string): void {
    if (entry.stats.isSymbolicLink()) {
      const text = this.#read(entry, name);
      this.#follow(path, entry, text, (way) => {
        this.walk(way);
        return { result: undefined, target: this.here.stats() };
      });
    } else if (entry.stats.isDirectory() && entry.fd !== undefined) {
      this.#open.push(new OpenDirectory(path, entry.fd));
    } else {
      closeEntry(entry);
      throw new WhisperBackupError('NOT_A_DIRECTORY', `Cannot use ${path} as a directory: it is not one`);
    }
  }

  #read(link: Entry, name: string): string {
    try {
      return readLinkTarget(link, this.here, name);
    } finally {
      closeEntry(link);
    }
  }

  #follow<T>(
    path: string,
    link: Entry,
    text: string,
    way: (names: readonly string[]) => { readonly result: T; readonly target: { readonly uid: number } },
  ): T {
    if (++this.#links > MAX_LINKS) throw linkLoop(path);
    if (isAbsolute(text)) while (this.#open.length > 1) this.#up();
    let found: ReturnType<typeof way>;
    try {
      found = way(text.split('/').filter(isName));
    } catch (error) {
      throw codeOf(error) === 'ENOENT' ? danglingLink(path, { cause: error }) : error;
    }
    if (!mayFollow(link.stats, found.target)) throw untrustedLink(path, link.stats, found.target);
    return found.result;
  }

  /** Does nothing in the root, which is its own parent. */
  #up(): void {
    if (this.#open.length > 1) this.#open.pop()?.close();
  }
}
