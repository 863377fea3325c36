import { type BigIntStats, lstatSync, statSync } from 'node:fs';
import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import { openDirectory } from '../system/descent.ts';
import { currentUser, danglingLink, linkLoop } from '../system/link-rule.ts';

/** A directory of the walk, and those that it was reached through. */
export class Ancestors {
  readonly path: string;
  readonly #parent: Ancestors | undefined;
  #identity: string | undefined;

  constructor(path: string, parent?: Ancestors) {
    this.path = path;
    this.#parent = parent;
  }

  /** Whether a directory is this one or one above it. Only links make somebody ask. */
  includes(directory: BigIntStats): boolean {
    this.#identity ??= identityOf(statSync(this.path, { bigint: true }));
    return this.#identity === identityOf(directory) || (this.#parent?.includes(directory) ?? false);
  }
}

function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

/**
 * What a symbolic link is to the walk. `refused`: it leads to a directory, and must not be followed. `unknown`: it may
 * have led to a directory. Nothing below either can be known.
 */
export type LookedAtLink =
  | { readonly kind: 'directory' | 'other' | 'vanished' }
  | { readonly kind: 'refused' | 'unknown'; readonly error: Error };

/**
 * Looks where a link leads to, and whether the walk may go there.
 *
 * @param within the directory that the link is in.
 */
export function lookAtLink(within: Ancestors, name: string): LookedAtLink {
  const path = `${within.path}/${name}`;
  try {
    if (!lstatSync(path, { throwIfNoEntry: false })) return { kind: 'vanished' };
    const target = statSync(path, { bigint: true });
    if (!target.isDirectory()) return { kind: 'other' };
    // It knows the rule, which holds for links on the way as well. Others may follow every link.
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
