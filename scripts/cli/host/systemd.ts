import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { reasonOf, WhisperBackupError } from '../../../lib/common/errors.ts';
import { type BackupUnits, SERVICE, TIMER } from '../../../lib/monitoring/backup-units.ts';

const TIMEOUT_MS = 5000;

const properties = [
  'Id',
  'LoadState',
  'ActiveState',
  'UnitFileState',
  'NextElapseUSecRealtime',
  'LastTriggerUSec',
  'LastTriggerUSecMonotonic',
  'Result',
  'ExecMainStatus',
  'InactiveEnterTimestamp',
];

/**
 * Asks systemd for the units of the backup.
 *
 * @param show returns what `systemctl show` prints, or undefined where systemd does not run this host.
 * @returns undefined where systemd does not run this host.
 * @throws WhisperBackupError `SYSTEMD` when it does and cannot be asked.
 */
export async function readBackupUnits(
  show: () => Promise<string | undefined> = showUnits,
): Promise<BackupUnits | undefined> {
  const text = await show();
  if (text === undefined) return undefined;
  const [timer, service] = [TIMER, SERVICE].map((id) => unitIn(text, id));
  if (timer === undefined || service === undefined)
    throw new WhisperBackupError('SYSTEMD', `Cannot read the state of ${TIMER} and ${SERVICE} from systemctl show`);
  const next = parseSystemdTime(timer.get('NextElapseUSecRealtime'));
  // A timer that never started anything takes the time of its stamp file for this; only a start sets the other one.
  const hasTriggered = !['', '0', 'n/a'].includes(timer.get('LastTriggerUSecMonotonic') ?? '');
  const lastTrigger = hasTriggered ? parseSystemdTime(timer.get('LastTriggerUSec')) : undefined;
  const ended = parseSystemdTime(service.get('InactiveEnterTimestamp'));
  return {
    timer: {
      load: timer.get('LoadState') ?? '',
      active: timer.get('ActiveState') ?? '',
      file: timer.get('UnitFileState') ?? '',
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
  };
}

/** Whether systemd runs this host: sd_booted(3). */
export async function hasSystemd(): Promise<boolean> {
  return stat('/run/systemd/system').then(
    () => true,
    () => false,
  );
}

async function showUnits(): Promise<string | undefined> {
  if (!(await hasSystemd())) return undefined;
  try {
    const { stdout } = await promisify(execFile)(
      'systemctl',
      ['show', TIMER, SERVICE, `--property=${properties.join(',')}`],
      { timeout: TIMEOUT_MS, env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } },
    );
    return stdout;
  } catch (cause) {
    throw new WhisperBackupError('SYSTEMD', `Cannot ask systemd for ${TIMER} and ${SERVICE}: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

/** The properties of one unit; blank lines separate those of several. */
function unitIn(text: string, id: string): ReadonlyMap<string, string> | undefined {
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

/** Reads `Mon 2026-11-23 03:10:00 UTC`, as systemd writes a time; anything else is none. */
function parseSystemdTime(text = ''): Date | undefined {
  const [, day, time] = /^(?:\w+ )?(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? UTC$/.exec(text.trim()) ?? [];
  return day === undefined || time === undefined ? undefined : new Date(`${day}T${time}Z`);
}
