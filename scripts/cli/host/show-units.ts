import { $, quote } from 'zx/core';
import { WhisperBackupError } from '../../../lib/common/errors.ts';
import { SERVICE, TIMER } from '../../../lib/monitoring/backup-units.ts';

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

/** Returns the output of `systemctl show`. @throws WhisperBackupError `SYSTEMD` if it fails. */
export async function showUnits(): Promise<string> {
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
