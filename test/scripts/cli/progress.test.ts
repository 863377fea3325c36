import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Progress } from '../../../lib/common/report.ts';
import { Tally } from '../../../lib/common/summary.ts';
import { formatRunRecord } from '../../../lib/monitoring/run-record.ts';
import { followPace } from '../../../scripts/cli/io/pace.ts';
import { barLine, lineOf, progressLines } from '../../../scripts/cli/io/progress.ts';
import { expectedMetrics } from '../../../scripts/cli/run/expected-metrics.ts';
import { createScratch } from '../../fixtures/scratch.ts';

const half: Progress = { phase: 'Backing up', done: 1200, found: 1500, complete: false, failed: 3, bytes: 5_000_000 };

/** A pace after half a minute, from nothing. */
function paceOf(progress: Progress, expected?: number) {
  let now = 0;
  const follow = followPace(
    () => expected,
    () => now,
  );
  follow({ ...progress, done: 0 });
  now = 30_000;
  return follow(progress);
}

describe('progress', () => {
  it('shows rate, percentage and time left from an earlier run, while more are found', () => {
    assert.equal(
      lineOf(half, paceOf(half, 5000)),
      'Backing up: 1200 of about 5000 metrics, 24 %, 40/s, 95 s left, 3 failed',
    );
  });

  it('shows the same from the total, once that is final', () => {
    const complete = { ...half, found: 4800, complete: true, failed: 0 };
    assert.equal(lineOf(complete, paceOf(complete)), 'Backing up: 1200 of 4800 metrics, 25 %, 40/s, 90 s left');
    assert.match(lineOf({ ...complete, done: 4800 }, paceOf({ ...complete, done: 4800 }, 9)), /4800 of 4800 .* 100 %/);
  });

  it('shows no estimate without a basis, or if more was found than expected', () => {
    for (const expected of [undefined, 1400]) {
      assert.equal(lineOf(half, paceOf(half, expected)), 'Backing up: 1200 of 1500+ metrics, 40/s, 3 failed');
    }
  });

  it('names the time for which the store has not answered, in a log line and in place of the time left in a bar', () => {
    const down = { ...paceOf(half, 5000), downSeconds: 40.4 };
    assert.equal(
      lineOf(half, down),
      'Backing up: 1200 of about 5000 metrics, 24 %, 40/s, 95 s left, waiting for the store for 40 s, 3 failed',
    );
    const bar = barLine(half, down, 120, false);
    assert.match(bar, / waiting for the store for 40 s /);
    assert.doesNotMatch(bar, / left/);
  });

  it('logs that it waits from the moment that the store stops answering until it answers again', async () => {
    const lines: string[] = [];
    const log = { info: (line: string) => lines.push(line) };
    let downSince: number | undefined;
    using view = progressLines(log, { expected: () => undefined, downSince: () => downSince }, 1);
    view.update(half);
    const waits = (line: string) => line.includes('waiting for the store for');
    const nextLine = async () => {
      const { length } = lines;
      for (const until = Date.now() + 10_000; lines.length === length && Date.now() < until; ) await sleep(1);
      return lines.at(-1) ?? '';
    };
    assert.ok(!waits(await nextLine()));
    downSince = Date.now() - 125_000;
    assert.match(await nextLine(), /, waiting for the store for 2 min/);
    downSince = undefined;
    assert.ok(!waits(await nextLine()));
  });

  it('never shows 100 % before the end, and restarts with each phase', () => {
    const nearly = { ...half, done: 4999, found: 4999, failed: 0 };
    assert.match(lineOf(nearly, paceOf(nearly, 5000)), / 99 %/);
    let now = 0;
    const follow = followPace(
      () => undefined,
      () => now,
    );
    follow({ ...half, done: 0 });
    now = 60_000;
    follow({ ...half, phase: 'Comparing', done: 0 });
    now = 70_000;
    assert.equal(follow({ ...half, phase: 'Comparing', done: 100 }).perSecond, 10);
  });

  it('fits every terminal: the least important parts are left out', () => {
    const large = { ...half, done: 1_234_567, found: 5_000_000, complete: true, failed: 12_345, bytes: 12e9 };
    for (const progress of [half, large]) {
      for (const columns of [40, 60, 80, 200]) {
        const line = barLine(progress, paceOf(progress, 2_000_000), columns, false);
        assert.ok(line.length < columns, `${columns}: ${line}`);
        assert.match(line, /^Backing up .*\d %/);
        if (columns >= 60) assert.match(line, / \d+ of (about )?\d+ .*\d failed .* left/);
        // Nothing of it is half a word.
        assert.doesNotMatch(line, /lef$|faile$|\/$/);
      }
      assert.match(
        barLine(progress, paceOf(progress, 2_000_000), 120, true),
        /\x1b\[32m\u2588*\u2591*\x1b\[0m .* [MG]iB$/u,
      );
    }
  });
});

describe('the expected number of metrics', () => {
  it('is that of the newest recorded full backup, unless only some are selected', async () => {
    await using scratch = await createScratch();
    const everything = { metrics: '*', stateDir: scratch.path };
    assert.equal(await expectedMetrics(everything), undefined);
    await mkdir(scratch.at('runs'));
    for (const [day, command, metrics] of [
      [1, 'backup', 300],
      [2, 'backup', 500],
      [3, 'backup', 7],
      [4, 'restore', 9000],
    ] as const) {
      const tally = new Tally(['metrics']);
      tally.add('metrics', metrics);
      const time = `2026-11-0${day}T00:00:00`;
      const record = {
        program: '1.0.0',
        host: 'web01',
        machine: 'm',
        command,
        started: `${time}Z`,
        finished: `${time}Z`,
        seconds: 1,
        exitCode: 0,
        interval: 86_400,
        ...(metrics === 7 && { partial: ['--metrics'] }),
        summary: tally.finish({ command, store: 'disk:/srv', dryRun: false }),
      };
      await writeFile(scratch.at('runs', `${time}+00:00.json`), formatRunRecord(record), { mode: 0o600 });
    }
    assert.equal(await expectedMetrics(everything), 500);
    assert.equal(await expectedMetrics({ ...everything, metrics: 'servers.*' }), undefined);
  });
});
