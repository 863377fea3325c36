import { rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../../../common/errors.ts';
import { PermanentError } from '../../errors.ts';
import { bucketMissing } from './errors.ts';
import { type Files, waitingFiles } from './files.ts';

/** Whether a directory exists, and whether its path has a symbolic link. */
export type Standing = 'real' | 'linked' | 'missing';

/**
 * The directories below a bucket. None of their paths may have a symbolic link, so that all objects stay in the bucket.
 * This detects existing links. It does not prevent another process from replacing a directory by a link meanwhile.
 */
export class Directories {
  /** The path of the bucket without links. */
  readonly root: string;

  readonly #files: Files;

  constructor(root: string, files: Files = waitingFiles) {
    this.root = root;
    this.#files = files;
  }

  /** @param path absolute path below the bucket, without `..`. */
  async standing(path: string): Promise<Standing> {
    try {
      if (dirname(path) === this.root) {
        // Only the last name can be a link, and lstat is cheaper if it is missing.
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

  /** @throws PermanentError if the path has a symbolic link. It may be missing. */
  async refuseLinked(path: string): Promise<Standing> {
    const standing = await this.standing(path);
    if (standing === 'linked') {
      throw new PermanentError(
        `${path} is or contains a symbolic link, which the disk store does not follow inside its bucket. Replace it by a directory.`,
      );
    }
    return standing;
  }

  /**
   * Creates a directory and its parents below the bucket, but never the bucket itself: if its file system was unmounted
   * meanwhile, the backups would be written below the mount point.
   *
   * @throws BucketMissingError
   * @throws Error of the system, `ENOENT` if another call removed one of the directories at the same time.
   */
  async ensure(path: string): Promise<void> {
    if ((await this.refuseLinked(path)) === 'real') return;
    if (path === this.root) throw bucketMissing(this.root);
    const above = dirname(path);
    // If the bucket is missing, mkdir(2) fails.
    if (above !== this.root) await this.ensure(above);
    try {
      await this.#files.mkdir(path, 0o755);
    } catch (error) {
      if (above === this.root && (await this.standing(above)) === 'missing') throw bucketMissing(this.root, error);
      if (codeOf(error) !== 'EEXIST') throw error;
      // Either another call has created it, or it is a dangling link.
      if ((await this.#files.lstat(path))?.isSymbolicLink()) {
        throw new PermanentError(
          `${path} is a symbolic link, which the disk store does not follow inside its bucket. Replace it by a directory.`,
        );
      }
    }
  }

  /** Removes a directory and its parents below the bucket while they are empty. Ignores errors. */
  async prune(path: string): Promise<void> {
    for (let at = path; at.startsWith(`${this.root}/`); at = dirname(at)) {
      try {
        await rmdir(at);
      } catch (error) {
        // ENOENT: another call has removed it, but the parent may be empty.
        if (codeOf(error) !== 'ENOENT') return;
      }
    }
  }
}
