import { spanText } from '../../../lib/common/span.ts';
import { hasSystemd } from '../host/systemd.ts';
import { statusHere } from '../run/status-here.ts';
import { bad, type Check, ok, warn } from './check.ts';

/** Reports the state of this host's backups, as `status` does, and a failed journal run even before the journal is late. */
export const lastRun: Check = {
  name: 'last run',
  async run({ config }) {
    const warnings: string[] = [];
    const { state, problems, ageSeconds, journal } = await statusHere(config, (message) => warnings.push(message));
    const why = warnings.length === 0 ? '' : ` (${warnings.join('; ')})`;
    const finding = [...problems, ...warnings].join('; ');
    const age = `the last success was ${spanText(ageSeconds ?? 0)} ago`;
    const isSystemd = await hasSystemd();
    switch (state) {
      case 'ok':
        if (journal?.last.exitCode)
          return warn(
            `${age}, but the last journal run ended with exit code ${journal.last.exitCode}${why}`,
            `See its errors in the log: ${isSystemd ? 'journalctl -u whisper-backup-journal, or ' : ''}--logfile`,
          );
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
