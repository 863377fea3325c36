import { TIMER, timerProblem } from '../../../lib/monitoring/backup-units.ts';
import { readBackupUnits } from '../host/systemd.ts';
import { bad, type Check, ok, warn } from './check.ts';

/** Whether systemd starts the backups. */
export const timer: Check = {
  name: 'timer',
  async run() {
    const units = await readBackupUnits();
    if (units === undefined) {
      return warn('systemd does not run this host', 'Have something else start whisper-backup backup each day');
    }
    const { load, next } = units.timer;
    if (load === 'not-found') {
      return warn(`There is no ${TIMER}`, 'Roll it out: make deploy; or have something else start backups');
    }
    const problem = timerProblem(units.timer);
    if (problem !== undefined) return bad(problem, `systemctl enable --now ${TIMER}`);
    return ok(
      next === undefined
        ? `${TIMER} is enabled; its backup is due or under way`
        : `The next backup is due at ${next.toISOString()}`,
    );
  },
};
