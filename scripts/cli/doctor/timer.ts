import {
  type BackupUnits,
  JOURNAL_TIMER,
  journalTimerProblem,
  TIMER,
  timerProblem,
} from '../../../lib/monitoring/backup-units.ts';
import { readBackupUnits } from '../host/systemd.ts';
import { bad, type Check, ok, type Verdict, warn } from './check.ts';

/** Checks that systemd starts the backups, and the journal if its timer is not off. */
export const timer: Check = {
  name: 'timer',
  async run() {
    const units = await readBackupUnits();
    if (units === undefined) {
      return warn('This host does not run systemd', 'Start whisper-backup backup every day in another way');
    }
    return judgeTimers(units);
  },
};

export function judgeTimers({ timer: backup, journalTimer }: BackupUnits): Verdict {
  const problem = timerProblem(backup);
  if (problem !== undefined) return bad(problem, `systemctl enable --now ${TIMER}`);
  const ofJournal = journalTimerProblem(journalTimer);
  if (ofJournal !== undefined) return bad(ofJournal, `systemctl enable --now ${JOURNAL_TIMER}`);
  if (backup.load === 'not-found') {
    return warn(`${TIMER} is not installed`, 'Install it with make deploy, or start backups in another way');
  }
  return ok(
    backup.next === undefined
      ? `${TIMER} is enabled; its backup is due or running`
      : `The next backup is due at ${backup.next.toISOString()}`,
  );
}
