import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, readdir, symlink } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { startScript } from '../../fixtures/runtime.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { sh } from '../../fixtures/sh.ts';
import { plantTree } from '../../fixtures/tree.ts';
import { isDeno, run } from './program.ts';

const scratch = await createScratch();
after(() => scratch[Symbol.asyncDispose]());
const prefix = await scratch.directory('tree');
await plantTree(prefix, ['a.wsp']);
const bucket = await scratch.directory('bucket');

function fifo(...names: readonly string[]): string {
  sh`mkfifo -m 600 ${scratch.at(...names)}`;
  return scratch.at(...names);
}

const quietly = ['--nostamp', '--nolock', '-p', prefix, '-b', 'host'];

function backup(...args: readonly string[]) {
  return run(['backup', 'disk', bucket, ...quietly, ...args]);
}

describe('A run', () => {
  it('fails with the reason if its log is a FIFO or a dangling link', async () => {
    const log = fifo('log');
    const { code, stderr } = await backup('--logfile', log);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /Cannot write the log file .*log: /);
    await symlink('/proc/nothing', scratch.at('dangling'));
    const below = await backup('--logfile', scratch.at('dangling', 'x.log'));
    assert.equal(below.code, 1);
    assert.match(below.stderr, /Cannot write the log file .*dangling: its target does not exist/);
  });

  it('writes its log to a FIFO that is read', async () => {
    const log = fifo('readlog');
    const reader = startReader(log);
    assert.equal((await backup('--logfile', log)).code, 0);
    assert.match(await reader, /INFO;/);
  });

  it('fails with the reason if the state directory cannot be created', async () => {
    const { code, stderr } = await backup('--nolog', '--state-dir', '/proc/nothing');
    assert.equal(code, 2, stderr);
    assert.match(stderr, /Cannot use the state directory \/proc\/nothing /);
  });

  it('fails with the reason if the CA bundle or the configuration is a FIFO', async () => {
    const pipe = fifo('pipe');
    const s3 = await run([
      'verify',
      's3',
      `ca-bundle=${pipe}`,
      'endpoint=https://127.0.0.1:1',
      ...quietly.slice(1, 2),
      '--nolog',
      '-b',
      'x',
    ]);
    assert.match(s3.stderr, /not a regular file/);
    assert.notEqual(s3.code, 0);
    const configured = await run(['config', '--config', pipe]);
    assert.match(configured.stderr, /not a regular file/);
    assert.equal(configured.code, 2);
  });

  it('ends on SIGTERM even if one of its threads hangs in the file system', async () => {
    const pipe = fifo('hung');
    for (const how of ['clean', 'told twice']) {
      const child = startScript(new URL('../../fixtures/hanging.ts', import.meta.url), [pipe, how]);
      const late = setTimeout(() => child.kill('SIGKILL'), 60_000);
      await once(child.stdout, 'data');
      process.kill(child.pid ?? 0, 'SIGTERM');
      if (how !== 'clean') setTimeout(() => process.kill(child.pid ?? 0, 'SIGTERM'), 200);
      const [code, signal] = await once(child, 'exit');
      clearTimeout(late);
      // Deno reports a child that it has itself sent a signal as killed by that.
      assert.ok(code === 143 || (isDeno && signal === 'SIGTERM'), `${how}: ${code} ${signal}`);
    }
  });
});

describe('Records in a state directory', () => {
  it('are not used if other users may write it, nor is a FIFO', async () => {
    const state = scratch.at('state');
    const here = ['--state-dir', state, '--nolog'];
    assert.equal((await backup(...here)).code, 0);
    assert.equal((await run(['status', ...here.slice(0, 2)])).code, 0);
    fifo('state', 'runs', '2026-01-01T00:00:00+00:00.json');
    assert.equal((await run(['status', ...here.slice(0, 2)])).code, 0);

    for (const directory of [state, scratch.at('state', 'runs')]) {
      const records = await readdir(scratch.at('state', 'runs'));
      await chmod(directory, 0o777);
      const status = await run(['status', ...here.slice(0, 2)]);
      assert.equal(status.code, 1);
      assert.match(status.stderr, /are not used: other users may write .*state/);
      const left = await backup(...here);
      assert.equal(left.code, 2);
      assert.match(left.stderr, /Cannot use the state directory .*: other users may write .*run chmod go-w/);
      assert.deepEqual(await readdir(scratch.at('state', 'runs')), records);
      await chmod(directory, 0o755);
    }
    assert.equal((await run(['status', ...here.slice(0, 2)])).code, 0);
  });
});

/** What comes through a FIFO until its writer closes it. */
async function startReader(path: string): Promise<string> {
  const { spawn } = await import('node:child_process');
  const child = spawn('cat', [path]);
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += String(chunk);
  });
  await once(child, 'close');
  return text;
}
