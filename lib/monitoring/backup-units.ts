/** What systemd reports of the units that back this host up. */
export interface BackupUnits {
  readonly timer: {
    /** `LoadState`: `loaded`, or `not-found` where there is no such timer. */
    readonly load: string;
    /** `ActiveState`. */
    readonly active: string;
    /** `UnitFileState`: whether it comes back after a reboot. */
    readonly file: string;
    readonly next?: Date;
    /** When it last started the backup, since this boot. */
    readonly lastTrigger?: Date;
  };
  readonly service: {
    readonly load: string;
    readonly active: string;
    /** `Result` of the last run, such as `success`, `exit-code` or `signal`. */
    readonly result: string;
    /** Exit code of the last run's main process, also where systemd could not start it. */
    readonly exitStatus: string;
    /** When the last run ended. */
    readonly ended?: Date;
  };
}

export const TIMER = 'whisper-backup.timer';
export const SERVICE = 'whisper-backup.service';

/** Why a timer that is there will not start backups; undefined when it will. */
export function timerProblem({ load, active, file }: BackupUnits['timer']): string | undefined {
  if (load === 'not-found') return undefined;
  if (load !== 'loaded') return `${TIMER} cannot be used (${load}): no backup will be started`;
  if (active !== 'active') return `${TIMER} is ${active}: no backup will be started`;
  if (file !== 'enabled') return `${TIMER} is ${file}: it will not come back after a reboot`;
  return undefined;
}
