import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { codeOf } from '../../../lib/common/errors.ts';
import { flock, unlock } from '../../../lib/system/flock.ts';
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
