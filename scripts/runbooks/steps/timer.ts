import type { Fleet } from '../engine/fleet.ts';
import type { Step } from '../engine/runbook.ts';

/** Keeps backups from starting while a tree is incomplete, and ends one in progress cleanly. */
export function holdTimer(fleet: Fleet, host: string): Step {
  return {
    id: 'hold-timer',
    title: `Disable the timer of ${host}, so that no backup reads a half-restored tree, and stop a backup in progress`,
    commands: [
      fleet.remote(host, ['systemctl', 'disable', '--now', 'whisper-backup.timer']),
      fleet.remote(host, ['systemctl', 'stop', 'whisper-backup.service']),
    ],
    holds: `no backups of ${host} are made: its timer is disabled (systemctl enable --now whisper-backup.timer)`,
  };
}

export function releaseTimer(fleet: Fleet, host: string): Step {
  return {
    id: 'release-timer',
    title: `Enable the timer of ${host} again`,
    commands: [fleet.remote(host, ['systemctl', 'enable', '--now', 'whisper-backup.timer'])],
    frees: ['hold-timer'],
  };
}
