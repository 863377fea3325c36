import { isAbsolute, join } from 'node:path';
import { codeOf, WhisperBackupError } from '../common/errors.ts';
import { danglingLink, linkLoop, mayFollow, untrustedLink } from './link-rule.ts';
import { closeEntry, type Entry, OpenDirectory, openEntry, openRoot, textOfLink } from './open-directory.ts';
import { Place } from './open-place.ts';

/** Makes a directory that is missing. Undefined: somebody else made it meanwhile, or in a dry run nobody does. */
export type MakeDirectory = (parent: OpenDirectory, name: string) => OpenDirectory | undefined;

/** As many links as Linux follows on the way to one file. */
const MAX_LINKS = 40;

/** How often a name may change between two looks at it. */
const TRIES = 20;

/**
 * Opens a directory, and each one on the way to it, from the root on: none of them can be exchanged for a link that
 * the rule for links ({@link mayFollow}) forbids.
 *
 * @param make for those that are missing.
 * @throws WhisperBackupError `NOT_A_DIRECTORY`, `DANGLING_LINK`, `LINK_LOOP`, `UNTRUSTED_LINK`, `NO_PROC`, or the
 *   system's error: `ENOENT` for one that is missing and is not made.
 */
export function openDirectory(path: string, make?: MakeDirectory): OpenDirectory {
  return descend((descent) => descent.walk(namesOf(path), make));
}

/**
 * Opens the directory that a file is in, following links to the file as well: the name it returns was no link.
 *
 * @param mayBeMissing whether a link may lead to a file that is not there yet, if its directory is.
 * @throws WhisperBackupError and others as {@link openDirectory} does.
 */
export function locateFile(path: string, mayBeMissing = false): Place {
  let name = '';
  const directory = descend((descent) => {
    name = descent.find(namesOf(path), mayBeMissing);
  });
  return new Place(directory, name);
}

/** The longest path that Linux takes, in bytes. Through descriptors longer ones could be made, which no program can open. */
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

/** The directories from the root to where it is. */
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

  /** Goes to where the last of the names really is. @returns its name there. */
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
      return textOfLink(link, this.here, name);
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

  /** The root is its own parent. */
  #up(): void {
    if (this.#open.length > 1) this.#open.pop()?.close();
  }
}
