/** What systemd reports about the units that back up this host. */
export interface BackupUnits {
  readonly timer: {
    /** `LoadState`: `loaded`, or `not-found` if there is no such timer. */
    readonly load: string;
    /** `ActiveState`. */
    readonly active: string;
    /** `UnitFileState`: whether it starts after a reboot. */
    readonly file: string;
    readonly next?: Date;
    /** When it last started a backup since this boot. */
    readonly lastTrigger?: Date;
  };
  readonly service: {
    readonly load: string;
    readonly active: string;
    /** `Result` of the last run: `success`, `exit-code`, `signal` etc. */
    readonly result: string;
    /** Exit code of the last run's main process, also if systemd could not start it. */
    readonly exitStatus: string;
    readonly ended?: Date;
  };
  /** The timer of the journal, if it is enabled. */
  readonly journal?: {
    /** `OnCalendar=`. */
    readonly calendar: string;
    /** Since when it is active. */
    readonly since?: Date;
  };
}

export const TIMER = 'whisper-backup.timer';
export const SERVICE = 'whisper-backup.service';
export const JOURNAL_TIMER = 'whisper-backup-journal.timer';

/** Returns why an existing timer will not start backups, or undefined. */
export function timerProblem({ load, active, file }: BackupUnits['timer']): string | undefined {
  if (load === 'not-found') return undefined;
  if (load !== 'loaded') return `${TIMER} cannot be used (${load}), so no backup will start`;
  if (active !== 'active') return `${TIMER} is ${active}, so no backup will start`;
  if (file !== 'enabled') return `${TIMER} is ${file}, so it will not start after a reboot`;
  return undefined;
}
