import { mkdirSync, rmdirSync } from 'node:fs';
import { access, mkdir, readdir, realpath, rmdir, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import prettyBytes from 'pretty-bytes';
import { codeOf, InvalidOptionError, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { openDirectory } from '../../system/descent.ts';
import type { OpenDirectory } from '../../system/open-directory.ts';
import { emptyDirectory } from '../../tree/empty-directory.ts';
import { temporaryName } from '../../tree/temporary.ts';

/** The tree that a drill restores to. */
export interface ScratchTree {
  readonly prefix: string;
  /** An existing directory on the same file system. */
  readonly space: string;
  /** A unique name in it: if a walk of the live tree finds it, the scratch tree is inside the live tree. */
  readonly marker: string | undefined;
  /** Keeps the tree and removes the marker. */
  keep(): void;
  /** Removes what the drill has written, and the directory if the drill created it. */
  remove(): Promise<void>;
}

/**
 * Creates an empty tree in a directory that no other process uses.
 *
 * @param directory created if missing; its parent must exist.
 * @param prefix the live tree.
 * @param dryRun create nothing.
 * @throws InvalidOptionError if the directory is not empty, or is the live tree or inside it.
 * @throws WhisperBackupError `SCRATCH` if it cannot be created or read.
 */
export async function makeScratchTree(directory: string, prefix: string, dryRun: boolean): Promise<ScratchTree> {
  try {
    return await makeTree(directory, prefix, dryRun);
  } catch (cause) {
    if (cause instanceof WhisperBackupError) throw cause;
    const message = `Cannot drill: 'scratch' (${directory}) cannot be used: ${reasonOf(cause)}: choose a new directory whose parent exists, or an empty one`;
    throw new WhisperBackupError('SCRATCH', message, { cause });
  }
}

async function makeTree(directory: string, prefix: string, dryRun: boolean): Promise<ScratchTree> {
  const scratch = await realPathOf(directory);
  const live = await realpath(prefix);
  const named = `'scratch' (${directory})`;
  if (scratch === live || scratch.startsWith(live.endsWith(sep) ? live : live + sep))
    throw new InvalidOptionError(
      `Cannot drill: ${named} is inside the live tree ${prefix}: choose a directory elsewhere`,
    );
  const isMade = await make(scratch, dryRun);
  if (!(isMade && dryRun) && (await readdir(scratch)).length > 0)
    throw new InvalidOptionError(`Cannot drill: ${named} is not empty: choose a new directory, or empty this one`);
  const path = join(scratch, 'whisper');
  if (dryRun) {
    const space = isMade ? dirname(scratch) : scratch;
    return { prefix: path, space, marker: undefined, keep() {}, async remove() {} };
  }
  const space = openDirectory(scratch);
  let tree: OpenDirectory;
  const marker = temporaryName();
  try {
    // Not recursive, so that one of two simultaneous drills fails.
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

/** Resolves links in the path of a directory that may not exist. */
async function realPathOf(directory: string): Promise<string> {
  try {
    return await realpath(directory);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return join(await realpath(dirname(resolve(directory))), basename(resolve(directory)));
  }
}

/** @returns whether the directory was missing, and so was created unless this is a dry run. */
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

/** Checks that the file system has enough space. @throws WhisperBackupError `NO_SPACE` */
export async function checkSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (bytes <= free) return;
  const [needed, there] = [bytes, free].map((size) => prettyBytes(size, { binary: true }));
  throw new WhisperBackupError(
    'NO_SPACE',
    `Cannot drill: the sample needs about ${needed}, but ${directory} has only ${there} free: use a smaller --sample, or another --scratch`,
  );
}
