import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { timerProblem } from '../../../../lib/monitoring/backup-units.ts';
import { showUnits } from '../../../../scripts/cli/host/show-units.ts';
import { elapseAfter, readBackupUnits } from '../../../../scripts/cli/host/systemd.ts';
import { createScratch, type Scratch } from '../../../fixtures/scratch.ts';

/** As systemd 252 prints the units, with what a test changes. */
function shown(
  timer: Record<string, string> = {},
  service: Record<string, string> = {},
  journal: Record<string, string> = {},
): string {
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
  const journalTimer = {
    TimersCalendar: '{ OnCalendar=*-*-* *:00/15:00 ; next_elapse=Sun 2026-11-29 02:15:00 UTC }',
    Id: 'whisper-backup-journal.timer',
    LoadState: 'loaded',
    ActiveState: 'active',
    UnitFileState: 'disabled',
    ActiveEnterTimestamp: 'Fri 2026-11-27 08:00:00 UTC',
    ...journal,
  };
  const blocks = [...units, journalTimer].map((unit) =>
    Object.entries(unit).map(([name, value]) => `${name}=${value}\n`),
  );
  return blocks.map((block) => block.join('')).join('\n');
}

const read = (timer?: Record<string, string>, service?: Record<string, string>, journal?: Record<string, string>) =>
  readBackupUnits(async () => shown(timer, service, journal));

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
      journalTimer: { load: 'loaded', active: 'active', file: 'disabled' },
    });
    const missing = await read({}, {}, { LoadState: 'not-found', UnitFileState: '', TimersCalendar: '' });
    assert.equal(missing?.journalTimer, undefined);
  });

  it('has the timer of the journal only if that is enabled', async () => {
    assert.deepEqual((await read({}, {}, { UnitFileState: 'enabled' }))?.journal, {
      calendar: '*-*-* *:00/15:00',
      since: new Date('2026-11-27T08:00:00Z'),
    });
    const never = { UnitFileState: 'enabled', ActiveEnterTimestamp: '' };
    assert.deepEqual((await read({}, {}, never))?.journal, { calendar: '*-*-* *:00/15:00' });
    const missing = { LoadState: 'not-found', UnitFileState: '', TimersCalendar: '' };
    for (const timer of [{}, missing, { UnitFileState: 'masked' }])
      assert.equal((await read({}, {}, timer))?.journal, undefined);
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

  it('prints the units, in C and UTC', async () => {
    await systemctl('echo "$LC_ALL $TZ $*"');
    const units = 'whisper-backup.timer whisper-backup.service whisper-backup-journal.timer';
    assert.match(await showUnits(), new RegExp(`^C UTC show ${units} --property=Id,`));
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

describe('A calendar of systemd', () => {
  it('elapses the nth time after a time', async () => {
    const after = new Date('2026-11-29T09:15:00.500Z');
    const elapses = async (calendar: string, count: number) =>
      (await elapseAfter(calendar, after, count))?.toISOString();
    assert.equal(await elapses('*:0/15', 1), '2026-11-29T09:30:00.000Z');
    assert.equal(await elapses('*-*-* *:00/15:00', 2), '2026-11-29T09:45:00.000Z');
    assert.equal(await elapses('Mon *-*-* 08..09:30:00 UTC', 3), '2026-12-07T08:30:00.000Z');
    assert.equal(await elapses('2020-01-01', 1), undefined);
  });

  it('is an error if systemd-analyze refuses it', async () => {
    await assert.rejects(elapseAfter('zzz', new Date(), 1), {
      code: 'SYSTEMD',
      message: /calendar zzz.*: Failed to parse/,
    });
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
