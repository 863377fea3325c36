import { dirname } from 'node:path';
import { codeOf } from '../../../common/errors.ts';
import { StoreError } from '../../errors.ts';
import type { Directories } from './directories.ts';
import { type Files, writeTemporary } from './files.ts';
import { TEMPORARY } from './path.ts';

/** How many times a put recreates its directory, if concurrent deletes remove it because it is empty. */
const DIRECTORY_ATTEMPTS = 20;

/** Writes an object beside the others and renames it to its key, so that no reader sees an incomplete one. */
export class Writing {
  readonly #files: Files;
  /** Whether the directory of temporary files existed when it was last used. */
  #hasTemporary = false;

  constructor(files: Files) {
    this.#files = files;
  }

  /** @returns the path of the temporary file. */
  async writeTemporary(directories: Directories, body: Uint8Array, signal?: AbortSignal): Promise<string> {
    const directory = `${directories.root}/${TEMPORARY}`;
    if (this.#hasTemporary) {
      try {
        return await writeTemporary(this.#files, directory, body, signal);
      } catch (error) {
        // ENOENT: the directory or the bucket was removed.
        if (codeOf(error) !== 'ENOENT') throw error;
      }
    }
    await directories.ensure(directory);
    const path = await writeTemporary(this.#files, directory, body, signal);
    this.#hasTemporary = true;
    return path;
  }

  /** Renames a temporary file to the path of its key, and creates the directories of that. */
  async publish(directories: Directories, temporary: string, path: string, signal?: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await directories.ensure(dirname(path));
        signal?.throwIfAborted();
        await this.#files.rename(temporary, path);
        return;
      } catch (error) {
        // A delete removed the empty directory between the two steps.
        if (codeOf(error) === 'ENOENT' && attempt < DIRECTORY_ATTEMPTS) continue;
        // Not after a StoreError: the path may lead through a link into another directory.
        if (!(error instanceof StoreError)) await directories.prune(dirname(path));
        throw error;
      }
    }
  }
}
