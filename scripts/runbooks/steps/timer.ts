import type { Fleet } from '../engine/fleet.ts';
import type { Step } from '../engine/runbook.ts';

/** No backup may begin while a tree is not whole; one that is under way ends in order. */
export function holdTimer(fleet: Fleet, host: string): Step {
  return {
    id: 'hold-timer',
    title: `Hold the timer of ${host}, so that no backup sees a tree that is half restored, and end a backup under way`,
    commands: [
      fleet.remote(host, ['systemctl', 'disable', '--now', 'whisper-backup.timer']),
      fleet.remote(host, ['systemctl', 'stop', 'whisper-backup.service']),
    ],
    holds: `no backups are made of ${host}: its timer is held (systemctl enable --now whisper-backup.timer)`,
  };
}

export function releaseTimer(fleet: Fleet, host: string): Step {
  return {
    id: 'release-timer',
    title: `Let the timer of ${host} go on`,
    commands: [fleet.remote(host, ['systemctl', 'enable', '--now', 'whisper-backup.timer'])],
    frees: ['hold-timer'],
  };
}
