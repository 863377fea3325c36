import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { nextTimer } from '../host/nexttimer.ts';
import { hasSystemd } from '../host/systemd.ts';
import { bad, type Check, ok, warn } from './check.ts';

const TIMER = 'whisper-backup.timer';

/** Whether systemd starts the backups. */
export const timer: Check = {
  name: 'timer',
  async run(_, signal) {
    if (!(await hasSystemd())) {
      return warn('systemd does not run this host', 'Have something else start whisper-backup backup each day');
    }
    const { LoadState, ActiveState, UnitFileState } = await propertiesOf(TIMER, signal);
    if (LoadState !== 'loaded') {
      return warn(
        `There is no ${TIMER} (${LoadState})`,
        'Roll it out: make deploy; or have something else start backups',
      );
    }
    const remedy = `systemctl enable --now ${TIMER}`;
    if (ActiveState !== 'active') return bad(`${TIMER} is ${ActiveState}: no backup will be started`, remedy);
    if (UnitFileState !== 'enabled')
      return bad(`${TIMER} is ${UnitFileState}: it will not come back after a reboot`, remedy);
    const next = await nextTimer();
    return ok(
      next === undefined
        ? `${TIMER} is enabled; its backup is due or under way`
        : `The next backup is due at ${next.toISOString()}`,
    );
  },
};

async function propertiesOf(unit: string, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await promisify(execFile)(
    'systemctl',
    ['show', unit, '--property=LoadState,ActiveState,UnitFileState'],
    { signal, env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' } },
  );
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split('=', 2)),
  );
}
