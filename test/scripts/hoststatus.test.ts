import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import type { RunRecord } from '../../lib/runrecord.ts';
import { type HostFacts, hostStatus, hostStatusSchema, sinceLastSuccess } from '../../scripts/hoststatus.ts';
import { spanText } from '../../scripts/spantext.ts';
import { statusText } from '../../scripts/statustext.ts';

const now = new Date('2026-11-22T12:00:00Z');
const here: HostFacts = {
  source: 'host',
  now,
  host: 'web01',
  program: '1.1.0',
  interval: 3600,
  nextTimer: null,
  lockWrites: true,
};
const fromBucket: HostFacts = { source: 'bucket', now, nextTimer: null, lockWrites: null };

/** A record of so many minutes ago. */
function record(minutes: number, change: Partial<RunRecord> = {}): RunRecord {
  const finished = new Date(now.getTime() - minutes * 60_000).toISOString();
  const about = { version: 1, program: '1.0.0', host: 'web01', machine: 'abc', command: 'backup' } as const;
  const counts = { metrics: 100, stored: 10, unchanged: 90, failed: 0, bytesStored: 2048 };
  const summary = { store: 'disk:/srv', seconds: 5, counts };
  return { ...about, started: finished, finished, seconds: 5.5, exitCode: 0, interval: 3600, summary, ...change };
}

describe('The status of a host', () => {
  it('is ok while the last success is younger than two intervals', () => {
    const status = hostStatus([record(119)], here);
    assert.deepEqual(status, {
      host: 'web01',
      program: '1.1.0',
      lastSuccess: '2026-11-22T10:01:00.000Z',
      ageSeconds: 119 * 60,
      lastRun: { command: 'backup', finished: '2026-11-22T10:01:00.000Z', exitCode: 0 },
      metrics: 100,
      stored: 10,
      unchanged: 90,
      failed: 0,
      bytes: 2048,
      seconds: 5.5,
      nextTimer: null,
      lockWrites: true,
      source: 'host',
      state: 'ok',
    });
    assert.deepEqual(v.parse(hostStatusSchema, status), status);
  });

  it('is late from then on, also when other commands have run since', () => {
    assert.equal(hostStatus([record(121)], here).state, 'late');
    assert.equal(hostStatus([record(1, { command: 'purge' }), record(121)], here).state, 'late');
  });

  it('is failed when the last run was, and still tells the last success and the last figures', () => {
    const { summary: _, ...ended } = record(1, { exitCode: 10, error: 'The bucket is missing' });
    const status = hostStatus([ended, record(61)], here);
    assert.deepEqual([status.state, status.ageSeconds, status.metrics], ['failed', 61 * 60, 100]);
    assert.equal(status.lastRun?.error, 'The bucket is missing');
    for (const exitCode of [1, 3, 12, 130, 143]) {
      assert.equal(hostStatus([record(1, { exitCode }), record(61)], here).state, 'failed');
    }
    assert.equal(hostStatus([record(1, { command: 'restore', exitCode: 3 }), record(61)], here).state, 'failed');
  });

  it('is unknown when no success is on record', () => {
    const status = hostStatus([], here);
    assert.deepEqual([status.state, status.lastSuccess, status.lastRun, status.metrics], ['unknown', null, null, null]);
    assert.equal(hostStatus([record(1, { command: 'restore' })], here).state, 'unknown');
  });

  it('is never younger than now, whatever a clock said', () => {
    assert.equal(hostStatus([record(-5)], here).ageSeconds, 0);
  });

  it('from the bucket goes by the interval on record, and by the host whose backups they are', () => {
    const status = hostStatus([record(1, { host: 'web02', command: 'restore', exitCode: 1 }), record(100)], fromBucket);
    assert.deepEqual([status.host, status.state, status.lastRun?.command], ['web01', 'ok', 'backup']);
    assert.equal(status.program, '1.0.0');
    assert.equal(hostStatus([record(100, { interval: 60 })], fromBucket).state, 'late');
    assert.deepEqual([hostStatus([], fromBucket).host, hostStatus([], fromBucket).state], ['unknown', 'unknown']);
  });

  it('needs no record older than the last success', async () => {
    let asked = 0;
    async function* records() {
      for (const one of [record(1, { command: 'purge' }), record(2, { exitCode: 3 }), record(3), record(4)]) {
        asked++;
        yield one;
      }
    }
    assert.equal((await sinceLastSuccess(records(), now)).length, 3);
    assert.equal(asked, 3);
  });

  it('is not hidden by what was recorded while the clock was ahead', async () => {
    async function* records() {
      yield* [record(-600), record(1, { exitCode: 3 }), record(200)];
    }
    const status = hostStatus(await sinceLastSuccess(records(), now), here);
    assert.deepEqual([status.state, status.ageSeconds], ['failed', 12_000]);
  });

  it('is told to people in a few lines, and obeys nothing that a record says', () => {
    const { summary: _, ...ended } = record(1, { exitCode: 1, error: 'no \x1b[2J such thing' });
    const text = statusText(hostStatus([ended, record(61)], here), {
      file: '/etc/carbon/carbon.conf',
      locks: false,
      remedy: 'set it',
    });
    assert.match(text, /^host +web01: FAILED/m);
    assert.match(text, /^last success +2026-11-22 10:59:00 UTC, 61 min ago$/m);
    assert.match(text, /^last run +backup, 2026-11-22 11:59:00 UTC, exit code 1: no \\x1b\[2J such thing$/m);
    assert.match(text, /^last backup +metrics 100, stored 10, unchanged 90, failed 0, 2 KiB in 5\.5 s$/m);
    assert.match(text, /^carbon locks +OFF: set it$/m);
    assert.doesNotMatch(statusText(hostStatus([], fromBucket)), /timer|carbon/);
  });
});

describe('A span of time', () => {
  it('is told in the largest unit of which there are two', () => {
    const spans = [0, 1.9, 119, 120, 7199, 7200, 172_799, 172_800, 8_640_000];
    assert.deepEqual(spans.map(spanText), ['0 s', '1 s', '119 s', '2 min', '119 min', '2 h', '47 h', '2 d', '100 d']);
  });
});
