import { TIMER, timerProblem } from '../../../lib/monitoring/backup-units.ts';
import { readBackupUnits } from '../host/systemd.ts';
import { bad, type Check, ok, warn } from './check.ts';

/** Checks that systemd starts the backups. */
export const timer: Check = {
  name: 'timer',
  async run() {
    const units = await readBackupUnits();
    if (units === undefined) {
      return warn('This host does not run systemd', 'Start whisper-backup backup every day in another way');
    }
    const { load, next } = units.timer;
    if (load === 'not-found') {
      return warn(`${TIMER} is not installed`, 'Install it with make deploy, or start backups in another way');
    }
    const problem = timerProblem(units.timer);
    if (problem !== undefined) return bad(problem, `systemctl enable --now ${TIMER}`);
    return ok(
      next === undefined
        ? `${TIMER} is enabled; its backup is due or running`
        : `The next backup is due at ${next.toISOString()}`,
    );
  },
};
