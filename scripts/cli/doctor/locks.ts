import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { codeOf, RunLockedError } from '../../../lib/common/errors.ts';
import { flock, unlock } from '../../../lib/system/flock.ts';
import { acquireRunLock } from '../../../lib/system/run-lock.ts';
import { carbonLocks } from '../host/carbon-locks.ts';
import { bad, type Check, ok, warn } from './check.ts';
import { sampleFiles } from './sample-files.ts';

async function isMissing(prefix: string): Promise<boolean> {
  return readdir(prefix).then(
    () => false,
    () => true,
  );
}

/** Checks that the tree's file system supports the locks that carbon uses. */
export const locks: Check = {
  name: 'locks',
  async run({ config }, signal) {
    if (config.noFlock) {
      return warn('Files are not locked: noFlock is set', 'Unset it, unless the file system does not support locks');
    }
    if (await isMissing(config.prefix)) return warn(`Cannot test locks below ${config.prefix}: see the check prefix`);
    const [file = config.prefix] = (await sampleFiles(config.prefix, 1, config.exclude, signal)).files;
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      await flock(handle.fd, 'shared', { timeout: 1, file });
      unlock(handle.fd);
    } catch (error) {
      // On a timeout carbon holds the lock, so locks work.
      if (codeOf(error) !== 'LOCK_TIMEOUT') {
        return bad(
          `Cannot lock ${file} (${codeOf(error)})`,
          'If the file system does not support locks, set noFlock: true',
        );
      }
    } finally {
      await handle.close();
    }
    return ok(`The file system of ${config.prefix} supports locks`);
  },
};

/** Checks that a run can take its lock, or that a run holds it. */
export const runLock: Check = {
  name: 'run lock',
  async run({ config }, signal) {
    if (config.nolock) return warn('Runs take no lock: nolock is set', 'Unset it: concurrent runs disturb each other');
    try {
      const lock = await acquireRunLock(config.lockfile, { timeout: 0, signal });
      await lock.release();
      return ok(`${config.lockfile} is free`);
    } catch (error) {
      if (error instanceof RunLockedError) return ok(`${config.lockfile} is held: a run is in progress`);
      throw error;
    }
  },
};

/** Checks that carbon locks its files. Otherwise a backup may read a half-written file. */
export const writerLocks: Check = {
  name: 'carbon',
  async run() {
    const found = await carbonLocks();
    if (found === undefined) {
      return warn(
        'Cannot check whether carbon locks its files: no carbon.conf or go-carbon.conf in the usual places',
        'Make sure that WHISPER_LOCK_WRITES = True is set (go-carbon: flock = true)',
      );
    }
    return found.locks
      ? ok(`Carbon locks its files: ${found.file}`)
      : warn('Carbon does not lock its files', found.remedy);
  },
};
