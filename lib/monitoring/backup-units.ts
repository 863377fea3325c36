export interface TimerState {
  /** `LoadState`: `loaded`, or `not-found` if there is no such timer. */
  readonly load: string;
  /** `ActiveState`. */
  readonly active: string;
  /** `UnitFileState`: whether it starts after a reboot. */
  readonly file: string;
}

/** What systemd reports about the units that back up this host. */
export interface BackupUnits {
  readonly timer: TimerState & {
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
  /** The timer of the journal; absent if it is not installed. */
  readonly journalTimer?: TimerState;
  /** When the timer of the journal runs, if it is enabled. */
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
export function timerProblem(timer: TimerState): string | undefined {
  return problemOf(timer, TIMER, 'backup');
}

/** Returns why the timer of the journal will not start it; undefined also if it is off: disabled and stopped, or masked. */
export function journalTimerProblem(timer: TimerState | undefined): string | undefined {
  const isOff = timer?.active !== 'active' && timer?.file !== 'enabled';
  return !timer || isOff ? undefined : problemOf(timer, JOURNAL_TIMER, 'journal');
}

function problemOf({ load, active, file }: TimerState, unit: string, what: string): string | undefined {
  if (load === 'not-found') return undefined;
  if (load !== 'loaded') return `${unit} cannot be used (${load}), so no ${what} will start`;
  if (active !== 'active') return `${unit} is ${active}, so no ${what} will start`;
  if (file !== 'enabled') return `${unit} is ${file}, so it will not start after a reboot`;
  return undefined;
}
