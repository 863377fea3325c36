import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTests } from './test-process.ts';

const bash = (script: string) => ['/bin/bash', '-c', script];
const long = { limitSeconds: 3600 };

describe('the process of a test file', { concurrency: true }, () => {
  it('ends with its output, and the time of all its processors', async () => {
    const burn = 'for ((i = 0; i < 200000; i++)); do :; done';
    const { problem, output, cpuSeconds } = await startTests(bash(`echo one; echo two >&2; (${burn})`), long).ended;
    assert.deepEqual([problem, output], [undefined, 'one\ntwo\n']);
    assert.ok(cpuSeconds > 0, String(cpuSeconds));
  });

  it('is reported when it fails, when a signal ends it, and when it cannot be started', async () => {
    for (const [command, expected, said] of [
      [bash('echo why; exit 3'), 'exit code 3', /^why\n$/],
      [bash('echo so far; kill -9 $$'), 'exit code 137', /^so far\n/],
      [['/nonexistent/program'], 'exit code 127', /\/nonexistent\/program/],
    ] as const) {
      const { problem, output } = await startTests(command, long).ended;
      assert.equal(problem, expected);
      assert.match(output, said);
    }
    const { problem } = await startTests(bash('exit 0'), { ...long, cwd: '/nonexistent' }).ended;
    assert.match(problem ?? '', /^cannot be started: .*ENOENT/);
  });

  for (const [what, script] of [
    ['hangs', 'echo begun; sleep 1000 & echo $!; wait'],
    ['ended and left one that holds its output', 'echo begun; sleep 1000 & echo $!'],
    ['hangs, and left one in another group', 'echo begun; setsid sleep 1000 & echo $!; wait'],
  ] as const)
    it(`is killed with its group when its time is over: one that ${what}`, async () => {
      const { problem, output } = await startTests(bash(script), { limitSeconds: 3 }).ended;
      assert.equal(problem, 'it did not end within 3 s');
      const pid = /^begun\n(\d+)\n$/.exec(output)?.[1];
      assert.ok(pid, output);
      if (script.includes('setsid')) process.kill(Number(pid), 'SIGKILL');
      await isGone(Number(pid));
    });

  it('is ended by a signal with its group', async () => {
    const { kill, ended } = startTests(bash('sleep 1000 & wait'), long);
    kill('SIGTERM');
    assert.match((await ended).problem ?? '', /SIGTERM|143/);
  });
});

/** Waits until no process has this number. */
async function isGone(pid: number): Promise<void> {
  for (let tries = 0; tries < 1200; tries++) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await sleep(50);
  }
  assert.fail(`process ${pid} still runs`);
}
