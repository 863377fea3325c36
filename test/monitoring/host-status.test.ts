import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import type { BackupUnits } from '../../lib/monitoring/backup-units.ts';
import { type HostFacts, hostStatus, hostStatusSchema, sinceLastSuccess } from '../../lib/monitoring/host-status.ts';
import type { RunRecord } from '../../lib/monitoring/run-record.ts';
import type { StartedRun } from '../../lib/monitoring/started-runs.ts';
import { statusText } from '../../scripts/cli/text/status.ts';

const now = new Date('2026-11-22T12:00:00Z');
const here: HostFacts = {
  source: 'host',
  now,
  host: 'web01',
  program: '1.1.0',
  interval: 3600,
  bucket: 'disk:/srv',
  lockWrites: true,
};
const fromBucket: HostFacts = { source: 'bucket', now, lockWrites: null };

/** A record of so many minutes ago. */
function record(minutes: number, change: Partial<RunRecord> = {}): RunRecord {
  const finished = new Date(now.getTime() - minutes * 60_000).toISOString();
  const about = { version: 1, program: '1.0.0', host: 'web01', machine: 'abc', command: 'backup' } as const;
  const counts = { metrics: 100, stored: 10, unchanged: 90, failed: 0, bytesStored: 2048 };
  const summary = { store: 'disk:/srv', seconds: 5, counts };
  const run = { started: finished, finished, seconds: 5.5, exitCode: 0, interval: 3600, summary };
  return { ...about, bucket: 'disk:/srv', partial: [], ...run, ...change };
}

/** A run that started so many minutes ago and left no record. */
function started(minutes: number, change: Partial<StartedRun> = {}): StartedRun {
  const at = new Date(now.getTime() - minutes * 60_000).toISOString();
  return { command: 'backup', started: at, pid: 1, bucket: 'disk:/srv', partial: [], isRunning: false, ...change };
}

/** Units that are well; the backup ended so many minutes ago. */
function units(change: { timer?: Partial<BackupUnits['timer']>; service?: Partial<BackupUnits['service']> } = {}) {
  const { timer, service } = change;
  return {
    timer: { load: 'loaded', active: 'active', file: 'enabled', ...timer },
    service: { load: 'loaded', active: 'inactive', result: 'success', exitStatus: '0', ...service },
  };
}

const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000);
const PARTIAL = ['--metrics'];

describe('The status of a host', () => {
  it('is ok while the last success is younger than two intervals', () => {
    const status = hostStatus([record(119)], here);
    assert.deepEqual(status, {
      host: 'web01',
      program: '1.1.0',
      bucket: 'disk:/srv',
      lastSuccess: '2026-11-22T10:01:00.000Z',
      ageSeconds: 119 * 60,
      rpoSeconds: 119 * 60,
      lastRun: { command: 'backup', finished: '2026-11-22T10:01:00.000Z', exitCode: 0 },
      prune: null,
      running: null,
      metrics: 100,
      stored: 10,
      unchanged: 90,
      failed: 0,
      bytes: 2048,
      seconds: 5.5,
      nextTimer: null,
      lastTrigger: null,
      lockWrites: true,
      source: 'host',
      state: 'ok',
      problems: [],
    });
    assert.deepEqual(v.parse(hostStatusSchema, status), status);
  });

  it('is late if the journal is, and there is a backup that it adds to', () => {
    const late = { ...here, journalLate: minutesAgo(1) };
    const { state, problems } = hostStatus([record(1)], { ...late, journaled: '2026-11-22T11:00:00.000Z' });
    assert.equal(state, 'late');
    const last =
      'the last successful one started at 2026-11-22T11:00:00.000Z, and two were due by 2026-11-22T11:59:00.000Z';
    assert.deepEqual(problems, [`the journal is late: ${last}: see journalctl -u whisper-backup-journal.service`]);
    assert.match(hostStatus([record(1)], late).problems.join(), /the journal is late: none has succeeded,/);
    assert.deepEqual(hostStatus([], late).problems, ['no successful full backup is on record']);
  });

  it('is late from then on, even if other commands have run since', () => {
    assert.equal(hostStatus([record(121)], here).state, 'late');
    assert.equal(hostStatus([record(1, { command: 'purge' }), record(121)], here).state, 'late');
  });

  it('is failed if the last full backup failed, but still has the last success and figures', () => {
    const { summary: _, ...ended } = record(1, { exitCode: 10, error: 'The bucket is missing' });
    const status = hostStatus([ended, record(61)], here);
    assert.deepEqual([status.state, status.ageSeconds, status.metrics], ['failed', 61 * 60, 100]);
    assert.deepEqual(status.problems, [
      'the last full backup ended with exit code 10 at 2026-11-22T11:59:00.000Z: The bucket is missing',
    ]);
    for (const exitCode of [1, 3, 11, 12, 130, 143]) {
      assert.equal(hostStatus([record(1, { exitCode }), record(61)], here).state, 'failed');
    }
  });

  it('is not changed by a restore or a purge, which are shown separately', () => {
    const restores = [0, 1].map((exitCode) => record(1, { command: 'restore', exitCode }));
    for (const restore of [...restores, record(1, { command: 'purge', exitCode: 1 })]) {
      assert.equal(hostStatus([restore, record(61)], here).state, 'ok');
      const after = hostStatus([restore, record(2, { exitCode: 3 }), record(61)], here);
      assert.deepEqual([after.state, after.lastRun?.command], ['failed', restore.command]);
    }
  });

  it('is not changed by a backup of a part or into another bucket', () => {
    for (const part of [record(1, { partial: PARTIAL }), record(1, { bucket: 'disk:/other' })]) {
      assert.equal(hostStatus([part, record(2, { exitCode: 1 }), record(61)], here).state, 'failed');
      assert.equal(hostStatus([part, record(121)], here).state, 'late');
      assert.equal(hostStatus([part], here).state, 'unknown');
      assert.equal(hostStatus([{ ...part, exitCode: 1 }, record(61)], here).state, 'ok');
    }
    assert.deepEqual(hostStatus([record(1, { partial: PARTIAL })], here).lastRun?.partial, PARTIAL);
  });

  it('is failed if a full backup never ended, until one succeeds; a running one is no problem', () => {
    const killed = hostStatus([record(61)], { ...here, starts: [started(1)] });
    assert.equal(killed.state, 'failed');
    assert.match(killed.problems[0] ?? '', /started at 2026-11-22T11:59:00.000Z never ended: it was killed/);
    assert.deepEqual(killed.lastRun, { command: 'backup', finished: null, exitCode: null });
    const running = hostStatus([record(61)], { ...here, starts: [started(1, { isRunning: true })] });
    assert.deepEqual([running.state, running.running], ['ok', { command: 'backup', started: started(1).started }]);
    for (const other of [{ command: 'restore' }, { partial: PARTIAL }, { bucket: 'disk:/other' }] as const) {
      assert.equal(hostStatus([record(61)], { ...here, starts: [started(1, other)] }).state, 'ok');
    }
  });

  it('is failed if systemd could not start the backup after the last success, for any reason', () => {
    for (const exitStatus of ['243', '217']) {
      const service = { active: 'failed', result: 'exit-code', exitStatus, ended: minutesAgo(1) };
      const status = hostStatus([record(61)], { ...here, units: units({ service }) });
      assert.equal(status.state, 'failed');
      assert.match(status.problems[0] ?? '', new RegExp(`whisper-backup.service failed .*exit status ${exitStatus}`));
      assert.equal(hostStatus([record(0)], { ...here, units: units({ service }) }).state, 'ok');
    }
    const unloadable = units({ service: { load: 'bad-setting' } });
    assert.match(
      hostStatus([record(61)], { ...here, units: unloadable }).problems[0] ?? '',
      /cannot load .*bad-setting/,
    );
  });

  it('is failed if the timer started a backup that left no record, unless it still runs', () => {
    const timer = { lastTrigger: minutesAgo(30) };
    assert.match(
      hostStatus([record(61)], { ...here, units: units({ timer }) }).problems[0] ?? '',
      /timer started at 2026-11-22T11:30:00.000Z left no record/,
    );
    for (const [records, change] of [
      [[record(61)], { timer, service: { active: 'activating' } }],
      [[record(29)], { timer }],
    ] as const) {
      assert.equal(hostStatus(records, { ...here, units: units(change) }).state, 'ok');
    }
  });

  it('is off if the timer is, and ok if something other than systemd starts backups', () => {
    const status = hostStatus([record(61)], { ...here, units: units({ timer: { file: 'disabled' } }) });
    assert.equal(status.state, 'off');
    assert.match(status.problems[0] ?? '', /whisper-backup.timer is disabled/);
    const none = { load: 'not-found', active: 'inactive', file: '' };
    assert.equal(hostStatus([record(61)], { ...here, units: units({ timer: none, service: none }) }).state, 'ok');
  });

  it('is failed if the bucket is missing, and lists all problems', () => {
    const facts = {
      ...here,
      bucketProblem: 'the bucket is not there',
      units: units({ timer: { active: 'inactive' } }),
    };
    const { state, problems } = hostStatus([record(121)], facts);
    assert.deepEqual([state, problems.length], ['failed', 3]);
  });

  it('applies to the bucket of the newest full backup if none is configured', () => {
    const { bucket: _, ...facts } = here;
    const status = hostStatus([record(1, { bucket: 'disk:/b', exitCode: 3 }), record(61)], facts);
    assert.deepEqual([status.bucket, status.state, status.lastSuccess], ['disk:/b', 'failed', null]);
  });

  it('counts a record of an older release, without bucket and part, as a full backup', () => {
    const { bucket: _bucket, partial: _partial, ...older } = record(61);
    assert.equal(hostStatus([older], here).state, 'ok');
  });

  it('is unknown if there is no record of a success', () => {
    const status = hostStatus([], here);
    assert.deepEqual([status.state, status.lastSuccess, status.lastRun, status.metrics], ['unknown', null, null, null]);
    assert.equal(hostStatus([record(1, { command: 'restore' })], here).state, 'unknown');
  });

  it('never has a negative age, whatever the clock was', () => {
    assert.equal(hostStatus([record(-5)], here).ageSeconds, 0);
  });

  it('from the bucket uses the interval of the records, and the host that owns the backups', () => {
    const status = hostStatus([record(1, { host: 'web02', command: 'restore', exitCode: 1 }), record(100)], fromBucket);
    assert.deepEqual([status.host, status.state, status.lastRun?.command], ['web01', 'ok', 'backup']);
    assert.equal(status.bucket, 'disk:/srv');
    assert.equal(status.program, '1.0.0');
    assert.equal(hostStatus([record(100, { interval: 60 })], fromBucket).state, 'late');
    assert.deepEqual([hostStatus([], fromBucket).host, hostStatus([], fromBucket).state], ['unknown', 'unknown']);
  });

  it('reads no record older than the last success and the last prune', async () => {
    let asked = 0;
    async function* records() {
      const part = record(2, { partial: PARTIAL });
      for (const one of [
        record(1, { command: 'purge' }),
        part,
        record(2, { exitCode: 3 }),
        record(3),
        record(4, { command: 'prune' }),
        record(5),
      ]) {
        asked++;
        yield one;
      }
    }
    assert.equal((await sinceLastSuccess(records())).length, 5);
    assert.equal(asked, 5);
  });

  it('has the last prune of all metrics of its bucket, by any machine, also if it failed', async () => {
    const counts = { retired: 5, purged: 1, deleted: 7, contradictions: 2 };
    const pruned = { command: 'prune', host: 'bastion', summary: { store: 'disk:/srv', seconds: 1, counts } } as const;
    const ofParts = [
      record(1, { ...pruned, partial: PARTIAL }),
      record(2, { ...pruned, bucket: 'disk:/other', exitCode: 1 }),
    ];
    const records = [...ofParts, record(3), record(4, pruned), record(5, { ...pruned, exitCode: 1 })];
    for (const facts of [here, { ...fromBucket, bucket: 'disk:/srv' }]) {
      const status = hostStatus(records, facts);
      assert.deepEqual(status.prune, { finished: record(4).finished, exitCode: 0, ...counts });
      assert.deepEqual([status.host, status.state, v.parse(hostStatusSchema, status)], ['web01', 'ok', status]);
    }
    const text = statusText(hostStatus(records, here));
    assert.match(text, /last prune +2026-11-22 11:56:00 UTC, exit code 0, 7 objects deleted, 2 metrics with contrad/);
    const stopped = { ...pruned.summary, counts: {}, stopped: { message: 'Prune stopped' } };
    const failed = hostStatus([record(1, { ...pruned, exitCode: 1, summary: stopped }), record(2)], here);
    assert.deepEqual([failed.state, failed.prune?.error, failed.prune?.deleted], ['ok', 'Prune stopped', null]);
    assert.match(statusText(failed), /last prune .* exit code 1: Prune stopped/);
  });

  it('reads no further than the last prune, and 30 records beyond the last success if there is none', async () => {
    async function* records(prune?: number) {
      for (let i = 0; i < 100; i++) yield record(i, i === prune ? { command: 'prune' } : {});
    }
    assert.equal((await sinceLastSuccess(records())).length, 31);
    assert.equal((await sinceLastSuccess(records(5))).length, 6);
  });

  it('is printed for people in a few lines, with control characters escaped', () => {
    const { summary: _, ...ended } = record(1, { exitCode: 1, error: 'no \x1b[2J such thing', partial: PARTIAL });
    const text = statusText(hostStatus([ended, record(2, { exitCode: 3 }), record(61)], here), {
      file: '/etc/carbon/carbon.conf',
      locks: false,
      remedy: 'set it',
    });
    assert.match(
      text,
      /^host +web01: FAILED\nproblem +the last full backup ended with exit code 3 at [^\n]+\nbucket +disk:\/srv$/m,
    );
    assert.match(text, /^last success +2026-11-22 10:59:00 UTC, 61 min ago$/m);
    assert.match(
      text,
      /^last run +backup \(not a full backup: --metrics\), 2026-11-22 11:59:00 UTC, exit code 1: no \\x1b\[2J such thing$/m,
    );
    assert.match(text, /^last backup +metrics 100, stored 10, unchanged 90, failed 0, 2 KiB in 5\.5 s$/m);
    assert.match(text, /^carbon locks +OFF: set it$/m);
    assert.doesNotMatch(statusText(hostStatus([], fromBucket)), /timer|carbon/);
  });
});
