import { stat } from 'node:fs/promises';
import { WhisperBackupError } from '../../../lib/common/errors.ts';
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
 * Reads the state of the backup's units from systemd.
 *
 * @param show returns the output of `systemctl show`, or undefined if this host does not run systemd.
 * @returns undefined if this host does not run systemd.
 * @throws WhisperBackupError `SYSTEMD` if systemd cannot be asked.
 */
export async function readBackupUnits(
  show: () => Promise<string | undefined> = async () => ((await hasSystemd()) ? showUnits() : undefined),
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

/** Returns whether this host runs systemd, as sd_booted(3) does. */
export async function hasSystemd(): Promise<boolean> {
  return stat('/run/systemd/system').then(
    () => true,
    () => false,
  );
}

/** Returns the output of `systemctl show`. @throws WhisperBackupError `SYSTEMD` if it fails. */
export async function showUnits(): Promise<string> {
  // Loaded here because it takes 20 ms.
  const { $, quote } = await import('zx/core');
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const { exitCode, stdout, stderr } = await $({
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    nothrow: true,
    quiet: true,
    quote,
    signal,
    // If standard input were a pipe of Node, bash would take itself for a remote shell and read ~/.bashrc.
    stdio: ['ignore', 'pipe', 'pipe'],
  })`exec systemctl show ${TIMER} ${SERVICE} --property=${properties.join(',')}`;
  if (exitCode === 0) return stdout;
  const reason = signal.aborted ? `no answer within ${TIMEOUT_MS / 1000} s` : stderr.trim() || `exit code ${exitCode}`;
  throw new WhisperBackupError('SYSTEMD', `Cannot read ${TIMER} and ${SERVICE} from systemctl: ${reason}`);
}

/** Returns the properties of one unit. Units are separated by blank lines. */
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

/** Parses systemd's `Mon 2026-11-23 03:10:00 UTC`; undefined for any other text. */
function parseSystemdTime(text = ''): Date | undefined {
  const [, day, time] = /^(?:\w+ )?(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? UTC$/.exec(text.trim()) ?? [];
  return day === undefined || time === undefined ? undefined : new Date(`${day}T${time}Z`);
}
