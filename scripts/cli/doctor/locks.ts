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

/** Whether the file system of the tree has locks, as carbon takes them. */
export const locks: Check = {
  name: 'locks',
  async run({ config }, signal) {
    if (config.noFlock) {
      return warn('Files are not locked: noFlock is set', 'Unset it, unless the file system has no locks');
    }
    if (await isMissing(config.prefix)) return warn(`Locks cannot be tried below ${config.prefix}: see prefix`);
    const [file = config.prefix] = (await sampleFiles(config.prefix, 1, config.exclude, signal)).files;
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      await flock(handle.fd, 'shared', { timeout: 1, file });
      unlock(handle.fd);
    } catch (error) {
      // Who holds it is carbon, which shows that there are locks.
      if (codeOf(error) !== 'LOCK_TIMEOUT') {
        return bad(
          `${file} cannot be locked (${codeOf(error)})`,
          'Where the file system has no locks, set noFlock: true',
        );
      }
    } finally {
      await handle.close();
    }
    return ok(`The file system of ${config.prefix} has locks`);
  },
};

/** Whether a run could take its lock; a run that holds it is no fault. */
export const runLock: Check = {
  name: 'run lock',
  async run({ config }, signal) {
    if (config.nolock) return warn('Runs take no lock: nolock is set', 'Unset it: two runs at once hinder one another');
    try {
      const lock = await acquireRunLock(config.lockfile, { timeout: 0, signal });
      await lock.release();
      return ok(`${config.lockfile} is free`);
    } catch (error) {
      if (error instanceof RunLockedError) return ok(`${config.lockfile} is held: a run is under way`);
      throw error;
    }
  },
};

/** Whether carbon locks what it writes, without which a backup may catch a file half written. */
export const writerLocks: Check = {
  name: 'carbon',
  async run() {
    const found = await carbonLocks();
    if (found === undefined) {
      return warn(
        'No carbon.conf or go-carbon.conf was found where they usually are, so whether carbon locks is not known',
        'Make sure of WHISPER_LOCK_WRITES = True (go-carbon: flock = true)',
      );
    }
    return found.locks
      ? ok(`Carbon locks its files: ${found.file}`)
      : warn('Carbon does not lock its files', found.remedy);
  },
};
