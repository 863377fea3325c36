import { spanText } from '../../../lib/common/span.ts';
import { hasSystemd } from '../host/systemd.ts';
import { statusHere } from '../run/status-here.ts';
import { bad, type Check, ok, warn } from './check.ts';

/** Reports the state of this host's backups, as `status` does. */
export const lastRun: Check = {
  name: 'last run',
  async run({ config }) {
    const warnings: string[] = [];
    const { state, problems, ageSeconds } = await statusHere(config, (message) => warnings.push(message));
    const why = warnings.length === 0 ? '' : ` (${warnings.join('; ')})`;
    const finding = [...problems, ...warnings].join('; ');
    const age = `the last success was ${spanText(ageSeconds ?? 0)} ago`;
    const isSystemd = await hasSystemd();
    switch (state) {
      case 'ok':
        return warnings.length === 0 ? ok(`Backups are healthy: ${age}`) : warn(`${age}${why}`);
      case 'late':
      case 'off':
        return bad(finding, 'See the check timer');
      case 'failed':
        return bad(
          finding,
          `See the errors in the log: ${isSystemd ? 'journalctl -u whisper-backup, or ' : ''}--logfile`,
        );
      case 'unknown':
        return warn(
          `${finding} in ${config.stateDir}`,
          `Start a backup: ${isSystemd ? 'systemctl start whisper-backup' : 'whisper-backup backup'}`,
        );
    }
  },
};
