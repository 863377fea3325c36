import { readRunFiles } from '../host/runfiles.ts';
import { hasSystemd } from '../host/systemd.ts';
import { hostStatus, sinceLastSuccess } from '../hoststatus.ts';
import { spanText } from '../spantext.ts';
import { bad, type Check, ok, warn } from './check.ts';

/** How the last run went, and how old the last good backup is: what `status` says. */
export const lastRun: Check = {
  name: 'last run',
  async run({ config: { stateDir, interval } }) {
    const now = new Date();
    const unusable: string[] = [];
    const records = await sinceLastSuccess(
      readRunFiles(stateDir, (message) => unusable.push(message)),
      now,
    );
    const facts = { now, interval, source: 'host', nextTimer: null, lockWrites: null } as const;
    const { state, lastRun, ageSeconds } = hostStatus(records, facts);
    const age = ageSeconds === null ? 'no success is on record' : `the last success is ${spanText(ageSeconds)} old`;
    if (state === 'ok') return ok(`All well: ${age}`);
    if (state === 'late') return bad(`Late: ${age}, and one is due every ${spanText(interval)}`, 'See the timer');
    if (state === 'failed' && lastRun !== null) {
      const why = lastRun.error === undefined ? '' : ` (${lastRun.error})`;
      const finding = `The last ${lastRun.command} ended with ${lastRun.exitCode} at ${lastRun.finished}${why}; ${age}`;
      const log = (await hasSystemd()) ? 'journalctl -u whisper-backup, or --logfile' : 'see --logfile';
      return bad(finding, `The log names what failed: ${log}`);
    }
    const why = unusable[0] === undefined ? '' : ` (${unusable[0]})`;
    const start = (await hasSystemd()) ? 'systemctl start whisper-backup' : 'whisper-backup backup';
    return warn(`No good backup is on record in ${stateDir}${why}`, `Start one: ${start}`);
  },
};
