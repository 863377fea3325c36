import { mkdirSync, rmdirSync } from 'node:fs';
import { access, mkdir, readdir, realpath, rmdir, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import prettyBytes from 'pretty-bytes';
import { codeOf, InvalidOptionError, WhisperBackupError } from '../../common/errors.ts';
import { openDirectory } from '../../system/descent.ts';
import type { OpenDirectory } from '../../system/open-directory.ts';
import { emptyDirectory } from '../../tree/empty-directory.ts';
import { temporaryName } from '../../tree/temporary.ts';

/** Where a drill restores to, and nothing else is. */
export interface ScratchTree {
  /** The root of the restored tree. */
  readonly prefix: string;
  /** A directory on the same file system that is there. */
  readonly space: string;
  /** A name in it that is nowhere else: a walk of the live tree that comes by it shows that it is in there. */
  readonly marker: string | undefined;
  /** Leaves it there, without the marker. */
  keep(): void;
  /** Removes what the drill has put there, and the directory itself when the drill made it. */
  remove(): Promise<void>;
}

/**
 * Makes an empty tree in a directory that is nobody's.
 *
 * @param directory made when it is missing; its parent must be there.
 * @param prefix the live tree.
 * @param dryRun make nothing.
 * @throws InvalidOptionError when the directory is the live tree, is in it, or is not empty.
 */
export async function makeScratchTree(directory: string, prefix: string, dryRun: boolean): Promise<ScratchTree> {
  const scratch = await realPathOf(directory);
  const live = await realpath(prefix);
  const named = `'scratch' (${directory})`;
  if (scratch === live || scratch.startsWith(live.endsWith(sep) ? live : live + sep))
    throw new InvalidOptionError(
      `Cannot drill: ${named} is inside the live tree ${prefix}: name a directory elsewhere`,
    );
  const isMade = await make(scratch, dryRun);
  if (!(isMade && dryRun) && (await readdir(scratch)).length > 0)
    throw new InvalidOptionError(`Cannot drill: ${named} is not empty: name a new directory, or empty this one`);
  const path = join(scratch, 'whisper');
  if (dryRun) {
    const space = isMade ? dirname(scratch) : scratch;
    return { prefix: path, space, marker: undefined, keep() {}, async remove() {} };
  }
  const space = openDirectory(scratch);
  let tree: OpenDirectory;
  const marker = temporaryName();
  try {
    // Not recursive: of two drills at once, one finds that it is there.
    mkdirSync(space.at('whisper'), 0o700);
    tree = openDirectory(path);
    mkdirSync(tree.at(marker));
  } catch (error) {
    space.close();
    throw error;
  }
  const close = () => {
    tree.close();
    space.close();
  };
  return {
    prefix: path,
    space: path,
    marker,
    keep() {
      rmdirSync(tree.at(marker));
      close();
    },
    async remove() {
      try {
        await emptyDirectory(tree);
        rmdirSync(space.at('whisper'));
      } finally {
        close();
      }
      if (isMade) await rmdir(scratch);
    },
  };
}

/** Where a directory is, or would be. */
async function realPathOf(directory: string): Promise<string> {
  try {
    return await realpath(directory);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return join(await realpath(dirname(resolve(directory))), basename(resolve(directory)));
  }
}

/** @returns whether it is made by this, or would be. */
async function make(directory: string, dryRun: boolean): Promise<boolean> {
  try {
    await (dryRun ? access(directory) : mkdir(directory, { mode: 0o700 }));
    return !dryRun;
  } catch (error) {
    const isThere = codeOf(error) === 'EEXIST';
    if (!isThere && !(dryRun && codeOf(error) === 'ENOENT')) throw error;
    return !isThere;
  }
}

/**
 * Makes sure that there is room.
 *
 * @throws WhisperBackupError `NO_SPACE`.
 */
export async function checkSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (bytes <= free) return;
  const [needed, there] = [bytes, free].map((size) => prettyBytes(size, { binary: true }));
  throw new WhisperBackupError(
    'NO_SPACE',
    `Cannot drill: the sample needs about ${needed}, and ${directory} has ${there} free: take a smaller --sample, or another --scratch`,
  );
}
