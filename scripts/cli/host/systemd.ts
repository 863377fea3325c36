import { stat } from 'node:fs/promises';
import { WhisperBackupError } from '../../../lib/common/errors.ts';
import {
  type BackupUnits,
  JOURNAL_TIMER,
  SERVICE,
  TIMER,
  type TimerState,
} from '../../../lib/monitoring/backup-units.ts';

/** The properties of a unit. */
type Unit = ReadonlyMap<string, string>;

/**
 * Reads the state of the backup's units from systemd.
 *
 * @param show returns the output of `systemctl show`, or undefined if this host does not run systemd.
 * @returns undefined if this host does not run systemd.
 * @throws WhisperBackupError `SYSTEMD` if systemd cannot be asked.
 */
export async function readBackupUnits(
  show: () => Promise<string | undefined> = showHere,
): Promise<BackupUnits | undefined> {
  const text = await show();
  if (text === undefined) return undefined;
  const [timer, service] = [TIMER, SERVICE].map((id) => unitIn(text, id));
  if (timer === undefined || service === undefined)
    throw new WhisperBackupError('SYSTEMD', `Cannot read the state of ${TIMER} and ${SERVICE} from systemctl show`);
  const next = parseSystemdTime(timer.get('NextElapseUSecRealtime'));
  // For a timer that has never triggered, LastTriggerUSec is the time of its stamp file; LastTriggerUSecMonotonic is unset.
  const hasTriggered = !['', '0', 'n/a'].includes(timer.get('LastTriggerUSecMonotonic') ?? '');
  const lastTrigger = hasTriggered ? parseSystemdTime(timer.get('LastTriggerUSec')) : undefined;
  const ended = parseSystemdTime(service.get('InactiveEnterTimestamp'));
  const journalTimer = unitIn(text, JOURNAL_TIMER);
  const journal = journalIn(journalTimer);
  return {
    timer: {
      ...timerState(timer),
      ...(next && { next }),
      ...(lastTrigger && { lastTrigger }),
    },
    service: {
      load: service.get('LoadState') ?? '',
      active: service.get('ActiveState') ?? '',
      result: service.get('Result') ?? '',
      exitStatus: service.get('ExecMainStatus') ?? '',
      ...(ended && { ended }),
    },
    ...(journalTimer && journalTimer.get('LoadState') !== 'not-found' && { journalTimer: timerState(journalTimer) }),
    ...(journal && { journal }),
  };
}

function timerState(timer: Unit): TimerState {
  return {
    load: timer.get('LoadState') ?? '',
    active: timer.get('ActiveState') ?? '',
    file: timer.get('UnitFileState') ?? '',
  };
}

function journalIn(timer: Unit | undefined): BackupUnits['journal'] {
  const [, calendar] = /^{ OnCalendar=(.*) ; next_elapse=/.exec(timer?.get('TimersCalendar') ?? '') ?? [];
  if (timer?.get('UnitFileState') !== 'enabled' || calendar === undefined) return undefined;
  const since = parseSystemdTime(timer.get('ActiveEnterTimestamp'));
  return { calendar, ...(since && { since }) };
}

/**
 * Returns when a calendar expression of systemd elapses the nth time after a time, or undefined if it never does.
 *
 * @throws WhisperBackupError `SYSTEMD` if systemd-analyze fails.
 */
export async function elapseAfter(calendar: string, after: Date, count: number): Promise<Date | undefined> {
  const text = await (await import('./show-units.ts')).showElapses(calendar, after, count);
  const times = text.match(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? UTC$/gm) ?? [];
  return parseSystemdTime(times[count - 1]);
}

/** Loads zx only where it is needed: it takes 20 ms. */
async function showHere(): Promise<string | undefined> {
  return (await hasSystemd()) ? (await import('./show-units.ts')).showUnits() : undefined;
}

/** Returns whether this host runs systemd, as sd_booted(3) does. */
export async function hasSystemd(): Promise<boolean> {
  return stat('/run/systemd/system').then(
    () => true,
    () => false,
  );
}

/** Returns the properties of one unit. Units are separated by blank lines. */
function unitIn(text: string, id: string): Unit | undefined {
  const blocks = text.split(/\n\s*\n/).map(
    (block) =>
      new Map(
        block
          .trim()
          .split('\n')
          .map((line): [string, string] => {
            const equals = line.indexOf('=');
            return [line.slice(0, equals), line.slice(equals + 1)];
          }),
      ),
  );
  return blocks.find((block) => block.get('Id') === id);
}

/** Parses systemd's `Mon 2026-11-23 03:10:00 UTC`; undefined for any other text. */
function parseSystemdTime(text = ''): Date | undefined {
  const [, day, time] = /^(?:\w+ )?(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? UTC$/.exec(text.trim()) ?? [];
  return day === undefined || time === undefined ? undefined : new Date(`${day}T${time}Z`);
}
