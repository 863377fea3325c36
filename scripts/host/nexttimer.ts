import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';

/** How long systemctl may take, in milliseconds. */
const PATIENCE = 5000;

/**
 * When systemd will start the next backup; undefined where there is no systemd, no such timer, or it is off.
 *
 * @param ask what tells the property: systemctl.
 */
export async function nextTimer(ask: () => Promise<string> = askSystemd): Promise<Date | undefined> {
  try {
    return parseSystemdTime(await ask());
  } catch {
    return undefined;
  }
}

async function askSystemd(): Promise<string> {
  // It is there when systemd is what runs this host: sd_booted(3).
  await stat('/run/systemd/system');
  const { stdout } = await promisify(execFile)(
    'systemctl',
    ['show', 'whisper-backup.timer', '--property=NextElapseUSecRealtime', '--value'],
    { timeout: PATIENCE, env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } },
  );
  return stdout;
}

/** Reads `Mon 2026-11-23 03:10:00 UTC`, as systemd writes a time; anything else is none. */
function parseSystemdTime(text: string): Date | undefined {
  const [, day, time] = /^(?:\w+ )?(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? UTC$/.exec(text.trim()) ?? [];
  return day === undefined || time === undefined ? undefined : new Date(`${day}T${time}Z`);
}
