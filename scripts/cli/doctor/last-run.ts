import { spanText } from '../../../lib/common/span.ts';
import { hasSystemd } from '../host/systemd.ts';
import { statusHere } from '../run/status-here.ts';
import { bad, type Check, ok, warn } from './check.ts';

/** How the backups of this host go: what `status` says. */
export const lastRun: Check = {
  name: 'last run',
  async run({ config }) {
    const unusable: string[] = [];
    const { state, problems, ageSeconds } = await statusHere(config, (message) => unusable.push(message));
    const why = unusable.length === 0 ? '' : ` (${unusable.join('; ')})`;
    const finding = [...problems, ...unusable].join('; ');
    const age = `the last success is ${spanText(ageSeconds ?? 0)} old`;
    const isSystemd = await hasSystemd();
    switch (state) {
      case 'ok':
        return unusable.length === 0 ? ok(`All well: ${age}`) : warn(`${age}${why}`);
      case 'late':
      case 'off':
        return bad(finding, 'See the timer');
      case 'failed':
        return bad(
          finding,
          `The log names what failed: ${isSystemd ? 'journalctl -u whisper-backup, or ' : ''}--logfile`,
        );
      case 'unknown':
        return warn(
          `${finding} in ${config.stateDir}`,
          `Start one: ${isSystemd ? 'systemctl start whisper-backup' : 'whisper-backup backup'}`,
        );
    }
  },
};
