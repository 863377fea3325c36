import { $, quote } from 'zx/core';
import { WhisperBackupError } from '../../../lib/common/errors.ts';
import { JOURNAL_TIMER, SERVICE, TIMER } from '../../../lib/monitoring/backup-units.ts';

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
  'ActiveEnterTimestamp',
  'TimersCalendar',
];

/** Returns the output of `systemctl show`. @throws WhisperBackupError `SYSTEMD` if it fails. */
export function showUnits(): Promise<string> {
  const units = [TIMER, SERVICE, JOURNAL_TIMER];
  const command = ['systemctl', 'show', ...units, `--property=${properties.join(',')}`];
  return outputOf(command, `Cannot read ${units.join(', ')} from systemctl`, { TZ: 'UTC' });
}

/**
 * Returns the output of `systemd-analyze` about the next times of a calendar expression, in the time zone of the host.
 *
 * @throws WhisperBackupError `SYSTEMD` if it fails.
 */
export function showElapses(calendar: string, after: Date, count: number): Promise<string> {
  const base = Math.floor(after.getTime() / 1000);
  const command = ['systemd-analyze', 'calendar', `--iterations=${count}`, `--base-time=@${base}`, '--', calendar];
  return outputOf(command, `Cannot read the calendar ${calendar} with systemd-analyze`, {});
}

async function outputOf(
  command: readonly string[],
  failure: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const { exitCode, stdout, stderr } = await $({
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', ...env },
    nothrow: true,
    quiet: true,
    quote,
    signal,
    // If standard input were a pipe of Node, bash would take itself for a remote shell and read ~/.bashrc.
    stdio: ['ignore', 'pipe', 'pipe'],
  })`exec ${command}`;
  if (exitCode === 0) return stdout;
  const reason = signal.aborted ? `no answer within ${TIMEOUT_MS / 1000} s` : stderr.trim() || `exit code ${exitCode}`;
  throw new WhisperBackupError('SYSTEMD', `${failure}: ${reason}`);
}
