import { RunLockedError } from '../../../lib/common/errors.ts';
import { acquireRunLock } from '../../../lib/system/run-lock.ts';
import { type Check, ok, warn } from './check.ts';

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
