import { CLOCK_OFF } from '../../../lib/expiry/guards.ts';
import { BucketMissingError, DeniedError } from '../../../lib/store/errors.ts';
import { briefly, withStore } from '../run/store.ts';
import { bad, type Check, ok, warn } from './check.ts';

/** A clock synchronized by NTP is never this far off, in seconds. */
const MAX_NORMAL_SECONDS = 30;

/** Compares this host's clock, which dates backups, with the store's clock. */
export const clock: Check = {
  name: 'clock',
  deadline: 30,
  run({ config, log, outage }, signal) {
    return withStore({ config: briefly(config), log, outage }, async (store) => {
      try {
        await store.open({ create: false, signal });
      } catch (error) {
        if (!(error instanceof BucketMissingError || error instanceof DeniedError)) throw error;
        return warn(`Cannot read the time from ${store.name}: see the check credentials`);
      }
      const before = Date.now();
      const there = await store.clock({ signal });
      if (there === undefined) return ok(`${store.name} does not report its clock`);
      // An HTTP date has whole seconds: add half a second.
      const here = (before + Date.now()) / 2;
      const ahead = (here - there.getTime()) / 1000 - (there.getMilliseconds() === 0 ? 0.5 : 0);
      const off = Math.abs(ahead);
      const finding = `This host's clock is ${off.toFixed(0)} s ${ahead < 0 ? 'behind' : 'ahead of'} the store's`;
      const remedy = 'Set the clock, and keep it set: systemctl enable --now systemd-timesyncd (or chrony)';
      if (off * 1000 > CLOCK_OFF) return bad(`${finding}: purges will be stopped`, remedy);
      return off > MAX_NORMAL_SECONDS ? warn(finding, remedy) : ok(finding);
    });
  },
};
