import type { Fleet } from '../engine/fleet.ts';
import type { Step } from '../engine/runbook.ts';

const JOURNAL_TIMER = 'whisper-backup-journal.timer';

/** Keeps backups and journals from starting while a tree is incomplete, and ends one in progress cleanly. */
export function holdTimer(fleet: Fleet, host: string): Step {
  return {
    id: 'hold-timer',
    title: `Disable the timer of ${host}, so that no backup reads a half-restored tree, and stop its journal and a backup in progress`,
    commands: [
      fleet.remote(host, ['systemctl', 'disable', '--now', 'whisper-backup.timer']),
      // A pattern, because not every host has a journal. Its timer stays enabled, or disabled.
      fleet.remote(host, ['systemctl', 'stop', 'whisper-backup.service', 'whisper-backup-journal.*']),
    ],
    holds: `no backups of ${host} are made: its timer is disabled (systemctl enable --now whisper-backup.timer), and that of a journal is stopped (systemctl start ${JOURNAL_TIMER})`,
  };
}

export function releaseTimer(fleet: Fleet, host: string): Step {
  const startJournal = `if systemctl is-enabled --quiet ${JOURNAL_TIMER}; then systemctl start ${JOURNAL_TIMER}; fi`;
  return {
    id: 'release-timer',
    title: `Enable the timer of ${host} again, and start that of its journal if it has one`,
    commands: [
      fleet.remote(host, ['systemctl', 'enable', '--now', 'whisper-backup.timer']),
      fleet.remote(host, ['sh', '-c', startJournal]),
    ],
    frees: ['hold-timer'],
  };
}
