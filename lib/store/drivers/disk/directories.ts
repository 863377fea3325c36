import { rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../../../common/errors.ts';
import { PermanentError } from '../../errors.ts';
import { bucketMissing } from './errors.ts';
import { type Files, waitingFiles } from './files.ts';

/** Whether a directory is there, and reached without a symbolic link. */
export type Standing = 'real' | 'linked' | 'missing';

/**
 * The directories below one bucket. None of them may be, or be reached through, a symbolic link: what is stored stays
 * in the bucket. (This keeps out links that stand there; it is no defence against somebody who swaps directories for
 * links while we work.)
 */
export class Directories {
  /** The bucket, as realpath(3) gives it. */
  readonly root: string;

  readonly #files: Files;

  constructor(root: string, files: Files = waitingFiles) {
    this.root = root;
    this.#files = files;
  }

  /** @param path absolute, below the bucket, already free of `..`. */
  async standing(path: string): Promise<Standing> {
    try {
      if (dirname(path) === this.root) {
        // Nothing but its own name can be a link, and this is cheaper where it is missing.
        const found = await this.#files.lstat(path);
        if (found?.isSymbolicLink()) return 'linked';
        return found ? 'real' : 'missing';
      }
      return (await this.#files.realpath(path)) === path ? 'real' : 'linked';
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return 'missing';
      if (code === 'ELOOP') return 'linked';
      throw error;
    }
  }

  /** @throws PermanentError when the path leads through a symbolic link. Missing is fine. */
  async refuseLinked(path: string): Promise<Standing> {
    const standing = await this.standing(path);
    if (standing === 'linked') {
      throw new PermanentError(
        `${path} is, or leads through, a symbolic link, and the disk store follows none inside its bucket: replace it by a directory`,
      );
    }
    return standing;
  }

  /**
   * Creates a directory and those above it, up to the bucket, never the bucket itself: were its file system unmounted
   * meanwhile, the backups would go into the mount point.
   *
   * @throws BucketMissingError; or ENOENT when another call removed a directory that we had just made or found.
   */
  async ensure(path: string): Promise<void> {
    if ((await this.refuseLinked(path)) === 'real') return;
    if (path === this.root) throw bucketMissing(this.root);
    const above = dirname(path);
    // The bucket is there, or mkdir(2) will tell.
    if (above !== this.root) await this.ensure(above);
    try {
      await this.#files.mkdir(path, 0o755);
    } catch (error) {
      if (above === this.root && (await this.standing(above)) === 'missing') throw bucketMissing(this.root, error);
      if (codeOf(error) !== 'EEXIST') throw error;
      // Another call made it, or there is a link that leads nowhere.
      if ((await this.#files.lstat(path))?.isSymbolicLink()) {
        throw new PermanentError(`${path} is a symbolic link, and the disk store follows none inside its bucket`);
      }
    }
  }

  /** Removes a directory if it is empty, then the one above it, up to the bucket. What does not go stays. */
  async prune(path: string): Promise<void> {
    for (let at = path; at.startsWith(`${this.root}/`); at = dirname(at)) {
      try {
        await rmdir(at);
      } catch (error) {
        // Removed by another call meanwhile: the one above may be empty all the same.
        if (codeOf(error) !== 'ENOENT') return;
      }
    }
  }
}
