import { carbonLocks } from '../host/carbon-locks.ts';
import { type Check, ok, warn } from './check.ts';

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
