import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BackupUnits, TimerState } from '../../../../lib/monitoring/backup-units.ts';
import { judgeTimers } from '../../../../scripts/cli/doctor/timer.ts';

const ON = { load: 'loaded', active: 'active', file: 'enabled' };
const service = { load: 'loaded', active: 'inactive', result: 'success', exitStatus: '0' };

function judge(timer: BackupUnits['timer'], journalTimer?: TimerState) {
  return judgeTimers({ timer, service, ...(journalTimer && { journalTimer }) });
}

describe('the check of timers', () => {
  it('is ok if the journal is not installed, off or running', () => {
    const next = new Date('2026-11-29T02:00:00Z');
    const off = { load: 'loaded', active: 'inactive', file: 'disabled' };
    const masked = { load: 'masked', active: 'inactive', file: 'masked' };
    for (const journal of [undefined, off, masked, ON])
      assert.deepEqual(judge({ ...ON, next }, journal), {
        level: 'ok',
        finding: 'The next backup is due at 2026-11-29T02:00:00.000Z',
      });
  });

  it('is bad if the timer of the journal is stopped, or will not start after a reboot', () => {
    for (const backup of [ON, { ...ON, load: 'not-found' }]) {
      const stopped = judge(backup, { ...ON, active: 'inactive' });
      assert.deepEqual(stopped, {
        level: 'bad',
        finding: 'whisper-backup-journal.timer is inactive, so no journal will start',
        remedy: 'systemctl enable --now whisper-backup-journal.timer',
      });
      const disabled = judge(backup, { ...ON, file: 'disabled' });
      assert.equal(disabled.level, 'bad');
      assert.match(
        disabled.finding,
        /^whisper-backup-journal\.timer is disabled, so it will not start after a reboot$/,
      );
      assert.equal(judge(backup, { ...ON, load: 'error' }).level, 'bad');
    }
  });

  it('names the timer of the backup first', () => {
    const { finding } = judge({ ...ON, active: 'inactive' }, { ...ON, active: 'inactive' });
    assert.match(finding, /^whisper-backup\.timer is inactive/);
  });
});
