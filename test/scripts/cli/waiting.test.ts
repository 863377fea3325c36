import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { createLog } from '../../../scripts/cli/io/log.ts';
import { lineOf, progressLines } from '../../../scripts/cli/io/progress.ts';
import { splay } from '../../../scripts/cli/run/splay.ts';

describe('splay', () => {
  it('waits a random time up to the given one, and logs it', async () => {
    let told = -1;
    const started = performance.now();
    await splay(0.05, new AbortController().signal, (seconds) => {
      told = seconds;
    });
    assert.ok(told >= 0 && told <= 0.05);
    assert.ok(performance.now() - started >= told * 1000 - 5);
  });

  it('does not wait if it is 0', async () => {
    await splay(0, new AbortController().signal, () => assert.fail('told'));
  });

  it('ends at once when it is interrupted, with the reason', async () => {
    const controller = new AbortController();
    const reason = new Error('stop');
    setTimeout(() => controller.abort(reason), 20);
    await assert.rejects(
      splay(1e6, controller.signal, () => {}),
      reason,
    );
  });
});

describe('progress without a terminal', () => {
  it('is an occasional line with the latest figures, and none before there are any', async () => {
    const lines: string[] = [];
    const log = createLog({ write: (_, line) => lines.push(line) }, { debug: false });
    const view = progressLines(log, undefined, 20);
    await wait(60);
    assert.deepEqual(lines, []);
    view.update({ phase: 'Backing up', done: 1, found: 9, complete: false, failed: 0, bytes: 0 });
    view.update({ phase: 'Backing up', done: 5, found: 9, complete: true, failed: 2, bytes: 0 });
    await wait(60);
    view[Symbol.dispose]();
    const told = lines.length;
    assert.match(lines[0] ?? '', /^Backing up: 5 of 9 metrics, 55 %, .* left, 2 failed$/);
    await wait(60);
    assert.equal(lines.length, told);
  });

  it('shows that more are being found', () => {
    const progress = { phase: 'x', done: 1, found: 2, complete: false, failed: 0, bytes: 0 };
    assert.equal(lineOf(progress), 'x: 1 of 2+ metrics');
  });
});
