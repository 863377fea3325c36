import { CLOCK_OFF } from '../../../lib/expiry/guards.ts';
import { BucketMissingError, DeniedError } from '../../../lib/store/errors.ts';
import { withStore } from '../run/store.ts';
import { bad, type Check, ok, warn } from './check.ts';

/** A clock that is kept by NTP is never this far off, in seconds. */
const ODD = 30;

/** Backups are named by this host's clock; the store's is the witness. */
export const clock: Check = {
  name: 'clock',
  deadline: 30,
  run({ config, log }, signal) {
    return withStore({ config, log }, async (store) => {
      try {
        await store.open({ create: false, signal });
      } catch (error) {
        if (!(error instanceof BucketMissingError || error instanceof DeniedError)) throw error;
        return warn(`${store.name} cannot be asked for the time: see credentials`);
      }
      const before = Date.now();
      const there = await store.clock({ signal });
      if (there === undefined) return ok(`${store.name} tells no time to compare with`);
      // An HTTP date has whole seconds, so half of one is added.
      const here = (before + Date.now()) / 2;
      const ahead = (here - there.getTime()) / 1000 - (there.getMilliseconds() === 0 ? 0.5 : 0);
      const off = Math.abs(ahead);
      const finding = `This host's clock is ${off.toFixed(0)} s ${ahead < 0 ? 'behind' : 'ahead of'} the store's`;
      const remedy = 'Set the clock, and keep it set: systemctl enable --now systemd-timesyncd (or chrony)';
      if (off * 1000 > CLOCK_OFF) return bad(`${finding}: purge stops`, remedy);
      return off > ODD ? warn(finding, remedy) : ok(finding);
    });
  },
};
