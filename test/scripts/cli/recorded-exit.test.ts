import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { after, describe, it } from 'node:test';
import { createScratch } from '../../fixtures/scratch.ts';
import { plantTree } from '../../fixtures/tree.ts';
import { isDeno, launcher, run } from './program.ts';

const scratch = await createScratch();
const prefix = await scratch.directory('tree');
await plantTree(prefix, ['servers/web1/cpu.wsp', 'servers/web1/load.wsp']);
const stores = await scratch.directory('stores');
after(() => scratch[Symbol.asyncDispose]());

/** A place of its own for each test: bucket and state directory. */
function place(name: string) {
  const state = scratch.at(`state-${name}`);
  const stamp = scratch.at(`stamp-${name}`);
  const files = ['--nolog', '--lockfile', scratch.at(`lock-${name}`), '--state-dir', state];
  const args = (command: string) => [command, 'disk', stores, '-b', name, '-p', prefix, ...files];
  return {
    state,
    stamp,
    args,
    backup: (...more: readonly string[]) => run([...args('backup'), '--stampfile', stamp, ...more]),
    onHost: () => recordsIn(`${state}/runs`),
    inBucket: () => recordsIn(`${stores}/${name}/.whisper-backup/runs`),
  };
}

async function recordsIn(directory: string) {
  const names = (await readdir(directory)).filter((name) => /^\d.*\.json$/.test(name)).sort();
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(`${directory}/${name}`, 'utf8'))));
}

/** Runs a line of shell, in which `"$@"` is the program with its arguments. */
function shell(line: string, args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const program = isDeno ? [process.execPath, 'run', '-A', '--no-check', `${launcher}.ts`] : [launcher];
  const child = spawn('sh', ['-c', line, 'sh', ...program, ...args], {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '', HOME: '/', WHISPER_BACKUP_NO_CACHE: 'true' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stderr }));
  });
}

/** Takes what is sent to it as carbon does, after `first` was called. */
async function listen(first: () => Promise<void> = async () => {}) {
  let text = '';
  const server = createServer(async (socket) => {
    socket.pause();
    await first();
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('end', () => socket.end());
    socket.resume();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    address: `127.0.0.1:${port}`,
    text: () => text,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

describe('the record of a run has the exit code of the process', () => {
  it('if the stamp file cannot be touched', async () => {
    const { backup, onHost, inBucket } = place('stamp');
    const { code, stderr } = await backup('--stampfile', scratch.at('missing', 'stamp'));
    assert.equal(code, 1, stderr);
    assert.match(stderr, /Cannot touch the stamp file .*missing\/stamp: .*see --stampfile/);
    const [record, ...others] = await onHost();
    assert.equal(others.length, 0);
    assert.equal(record.exitCode, 1);
    assert.match(record.error, /Cannot touch the stamp file/);
    assert.equal(record.summary.counts.stored, 2);
    assert.deepEqual(await inBucket(), [record]);
  });

  it('if the summary cannot be written; then no stamp is touched and carbon gets the same code', async () => {
    const { args, onHost, inBucket, stamp } = place('output');
    await using carbon = await listen();
    const words = [...args('backup'), '--stampfile', stamp, '--json', '--carbon', carbon.address];
    const { code, stderr } = await shell('"$@" >/dev/full', words);
    assert.equal(code, 1, stderr);
    const [record] = await onHost();
    assert.equal(record.exitCode, 1);
    assert.match(record.error, /Cannot write to standard output/);
    assert.deepEqual(await inBucket(), [record]);
    assert.match(carbon.text(), /\.backup\.exit_code 1 /);
    await assert.rejects(stat(stamp), /ENOENT/);
  });

  it('if its reader exits and then it fails', async () => {
    const { args, onHost } = place('reader');
    const words = [...args('backup'), '--json', '--stampfile', scratch.at('missing', 'stamp')];
    const { stderr } = await shell('{ "$@"; echo "ended $?" >&2; } | true', words);
    assert.match(stderr, /ended 1\n$/);
    assert.equal((await onHost())[0].exitCode, 1);
  });

  it('if the mark of its start cannot be removed, which is only a warning', async () => {
    const { backup, onHost, state } = place('mark');
    await using carbon = await listen(async () => {
      const [mark = ''] = (await readdir(`${state}/runs`)).filter((name) => name.endsWith('.started'));
      await rm(`${state}/runs/${mark}`);
      await mkdir(`${state}/runs/${mark}`);
    });
    const { code, stderr } = await backup('--carbon', carbon.address);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /warning: Cannot remove the mark of this run in .*\/runs/);
    assert.equal((await onHost())[0].exitCode, 0);
  });
});

describe('the record of a check has the exit code of the process', () => {
  it('if the summary cannot be written', async () => {
    const { backup, args, state } = place('check');
    assert.equal((await backup()).code, 0);
    const config = scratch.at('check.json');
    await writeFile(
      config,
      JSON.stringify({ storage: 'disk', storageArgs: [`path=${stores}`], bucket: 'check', prefix }),
    );
    for (const [name, more] of [
      ['verify', ['--read-data']],
      ['drill', ['--scratch', await scratch.directory('drilled')]],
    ] as const) {
      const { code, stderr } = await shell('"$@" >/dev/full', [...args(name), ...more, '--json', '--config', config]);
      assert.equal(code, 1, stderr);
      const { last } = JSON.parse(await readFile(`${state}/runs/last-${name}.json`, 'utf8'));
      assert.equal(last.exitCode, 1, name);
      assert.match(last.error, /Cannot write to standard output/);
    }
  });
});
