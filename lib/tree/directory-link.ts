import { type BigIntStats, lstatSync, statSync } from 'node:fs';
import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import { openDirectory } from '../system/descent.ts';
import { currentUser, danglingLink, linkLoop } from '../system/link-rule.ts';

/** A directory in the walk, with the directories through which it was reached. */
export class Ancestors {
  readonly path: string;
  readonly #parent: Ancestors | undefined;
  #identity: string | undefined;

  constructor(path: string, parent?: Ancestors) {
    this.path = path;
    this.#parent = parent;
  }

  /** Returns whether a directory is this one or an ancestor. Called for links only. */
  includes(directory: BigIntStats): boolean {
    this.#identity ??= identityOf(statSync(this.path, { bigint: true }));
    return this.#identity === identityOf(directory) || (this.#parent?.includes(directory) ?? false);
  }
}

function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

/**
 * What the walk does with a symbolic link. `refused`: it leads to a directory, but must not be followed. `unknown`: it
 * may lead to a directory. Nothing is known about the metrics below either.
 */
type LinkKind =
  | { readonly kind: 'directory' | 'other' | 'vanished' }
  | { readonly kind: 'refused' | 'unknown'; readonly error: Error };

/**
 * Checks where a link leads and whether the walk may follow it.
 *
 * @param within the directory that contains the link.
 */
export function inspectLink(within: Ancestors, name: string): LinkKind {
  const path = `${within.path}/${name}`;
  try {
    if (!lstatSync(path, { throwIfNoEntry: false })) return { kind: 'vanished' };
    const target = statSync(path, { bigint: true });
    if (!target.isDirectory()) return { kind: 'other' };
    // Applies the rule for links of `mayFollow` to the whole path; other users than root may follow every link.
    if (currentUser() === 0) openDirectory(path).close();
    return within.includes(target) ? { kind: 'refused', error: linkLoop(path) } : { kind: 'directory' };
  } catch (error) {
    const code = codeOf(error);
    if (error instanceof WhisperBackupError) return { kind: 'refused', error };
    if (code === 'ENOENT') return { kind: 'unknown', error: danglingLink(path, { cause: error }) };
    return { kind: 'unknown', error: code === 'ELOOP' ? linkLoop(path, { cause: error }) : asError(error) };
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(reasonOf(error));
}
