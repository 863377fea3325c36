import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { timerProblem } from '../../../../lib/monitoring/backup-units.ts';
import { showUnits } from '../../../../scripts/cli/host/show-units.ts';
import { readBackupUnits } from '../../../../scripts/cli/host/systemd.ts';
import { createScratch, type Scratch } from '../../../fixtures/scratch.ts';

/** As systemd 252 prints the two units, with what a test changes. */
function shown(timer: Record<string, string> = {}, service: Record<string, string> = {}): string {
  const units = [
    {
      NextElapseUSecRealtime: 'Sun 2026-11-29 02:00:00 UTC',
      LastTriggerUSec: 'Sat 2026-11-28 02:00:03 UTC',
      LastTriggerUSecMonotonic: '9h 12min 3.528415s',
      Result: 'success',
      Id: 'whisper-backup.timer',
      LoadState: 'loaded',
      ActiveState: 'active',
      UnitFileState: 'enabled',
      InactiveEnterTimestamp: '',
      ...timer,
    },
    {
      Result: 'exit-code',
      ExecMainStatus: '243',
      Id: 'whisper-backup.service',
      LoadState: 'loaded',
      ActiveState: 'failed',
      UnitFileState: 'static',
      InactiveEnterTimestamp: 'Sat 2026-11-28 02:00:04 UTC',
      ...service,
    },
  ];
  const blocks = units.map((unit) => Object.entries(unit).map(([name, value]) => `${name}=${value}\n`));
  return blocks.map((block) => block.join('')).join('\n');
}

const read = (timer?: Record<string, string>, service?: Record<string, string>) =>
  readBackupUnits(async () => shown(timer, service));

describe('the state of the systemd units', () => {
  it('is read from systemctl show', async () => {
    assert.deepEqual(await read(), {
      timer: {
        load: 'loaded',
        active: 'active',
        file: 'enabled',
        next: new Date('2026-11-29T02:00:00Z'),
        lastTrigger: new Date('2026-11-28T02:00:03Z'),
      },
      service: {
        load: 'loaded',
        active: 'failed',
        result: 'exit-code',
        exitStatus: '243',
        ended: new Date('2026-11-28T02:00:04Z'),
      },
    });
  });

  it('has no times if there are none', async () => {
    for (const text of ['', 'n/a', 'Mon 2026-11-23 03:10:07 CET', 'infinity']) {
      const units = await read({ NextElapseUSecRealtime: text }, { InactiveEnterTimestamp: text });
      assert.deepEqual([units?.timer.next, units?.service.ended], [undefined, undefined], text);
    }
  });

  it('does not treat the time of the stamp file, which a new timer reports, as a start', async () => {
    assert.equal((await read({ LastTriggerUSecMonotonic: '0' }))?.timer.lastTrigger, undefined);
  });

  it('is undefined without systemd, and an error if systemd does not respond', async () => {
    assert.equal(await readBackupUnits(async () => undefined), undefined);
    await assert.rejects(
      readBackupUnits(async () => ''),
      { code: 'SYSTEMD' },
    );
    await assert.rejects(
      readBackupUnits(() => Promise.reject(new Error('no bus'))),
      /no bus/,
    );
  });
});

describe('systemctl show', () => {
  const path = process.env['PATH'];
  let scratch: Scratch;

  beforeEach(async () => {
    scratch = await createScratch();
    process.env['PATH'] = `${scratch.path}:${path}`;
  });
  afterEach(async () => {
    process.env['PATH'] = path;
    await scratch[Symbol.asyncDispose]();
  });
  const systemctl = (script: string) => writeFile(scratch.at('systemctl'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

  it('prints the two units, in C and UTC', async () => {
    await systemctl('echo "$LC_ALL $TZ $1 $2 $3 $4"');
    assert.match(await showUnits(), /^C UTC show whisper-backup\.timer whisper-backup\.service --property=Id,/);
  });

  it('is an error with the message of systemctl', async () => {
    await systemctl('echo "Failed to connect to bus" >&2; exit 1');
    await assert.rejects(showUnits(), { code: 'SYSTEMD', message: /from systemctl: Failed to connect to bus$/ });
  });

  it('is an error without systemctl', async () => {
    process.env['PATH'] = scratch.path;
    await assert.rejects(showUnits(), { code: 'SYSTEMD', message: /systemctl: not found/ });
  });
});

describe('A timer', () => {
  it('is ok if it is active and enabled, or not installed', async () => {
    for (const timer of [{}, { LoadState: 'not-found', ActiveState: 'inactive', UnitFileState: '' }]) {
      const units = await read(timer);
      assert.ok(units);
      assert.equal(timerProblem(units.timer), undefined);
    }
  });

  it('is a problem if it is stopped, disabled or masked', async () => {
    const wrong: readonly [Record<string, string>, RegExp][] = [
      [{ ActiveState: 'inactive' }, /is inactive, so no backup/],
      [{ UnitFileState: 'disabled' }, /is disabled, so it will not start after a reboot/],
      [{ LoadState: 'masked', ActiveState: 'inactive', UnitFileState: 'masked' }, /cannot be used \(masked\)/],
    ];
    for (const [timer, message] of wrong) {
      const units = await read(timer);
      assert.ok(units);
      assert.match(timerProblem(units.timer) ?? '', message);
    }
  });
});
