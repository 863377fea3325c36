import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createScratch } from '../../fixtures/scratch.ts';
import { StateDirectory } from '../../fixtures/state-directory.ts';
import { plantTree } from '../../fixtures/tree.ts';
import { isDeno, launcher, run } from './program.ts';

const program = isDeno ? `${process.execPath} run -A --no-check ${launcher}.ts` : launcher;

/** Runs a line of shell, in which `$wb` is the program. */
function shell(line: string, args: readonly string[] = []): Promise<{ code: number | null; stderr: string }> {
  const state = new StateDirectory();
  const child = spawn('sh', ['-c', line, 'sh', ...args], {
    cwd: '/',
    env: {
      wb: program,
      PATH: process.env['PATH'] ?? '',
      HOME: '/',
      WHISPER_BACKUP_NO_CACHE: 'true',
      ...state.environment,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  return new Promise<{ code: number | null; stderr: string }>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stderr }));
  }).finally(() => state[Symbol.dispose]());
}

describe('results that cannot be written', () => {
  it('end every command that prints results with 1 and the reason', { timeout: 240_000 }, async () => {
    await using scratch = await createScratch();
    await plantTree(scratch.at('tree'), ['servers/web01/cpu.wsp', 'idle.wsp']);
    const files = ['--nolog', '--nolock', '--nostamp'];
    const tree = ['-p', scratch.at('tree'), ...files];
    const store = ['disk', scratch.at('disk')];
    const stored = await run([...tree, 'backup', ...store]);
    assert.equal(stored.code, 0, stored.stderr);
    const commands = [
      ['list', ...store],
      ['--json', 'list', ...store],
      ['config'],
      ['show', 'idle', ...store],
      ['show', scratch.at('tree', 'idle.wsp')],
      ['status'],
      ['--json', 'verify', ...store],
      ['--json', ...tree, 'backup', ...store],
      ['--help'],
      ['help', 'list'],
      ['version'],
    ];
    // Only a launcher can see a closed descriptor: a runtime opens /dev/null in its place before any program starts.
    const ways = [
      ['/dev/full', /no space left/i],
      ...(isDeno ? [] : [['&-', /bad file descriptor/i] as const]),
    ] as const;
    for (const args of commands) {
      for (const [where, reason] of ways) {
        const { code, stderr } = await shell(`$wb "$@" >${where}`, args);
        assert.equal(code, 1, `${args.join(' ')} >${where}: ${stderr}`);
        assert.match(stderr, /Cannot write to standard output: /);
        assert.match(stderr, reason);
      }
    }
  });

  it('do not change a higher exit code', async () => {
    const { code, stderr } = await shell('$wb list disk /nowhere >/dev/full');
    assert.equal(code, 10, stderr);
  });

  it('are not an error if the reader exits early, or the output goes to /dev/null', async () => {
    const { code, stderr } = await shell('{ $wb config; echo "ended $?" >&2; } | true; $wb config >/dev/null');
    assert.deepEqual({ code, stderr }, { code: 0, stderr: 'ended 0\n' });
  });
});

if (!isDeno) {
  describe('the launcher', () => {
    /** Has Node say that it is an old one. */
    async function asNode18(path: string): Promise<string> {
      await writeFile(path, "Object.defineProperty(process, 'versions', { value: { node: '18.20.4' } });");
      return `NODE_OPTIONS='--import ${path}'`;
    }

    it('names what to install if Node is too old or missing, without a stack trace', async () => {
      await using scratch = await createScratch();
      const old = await shell(`${await asNode18(scratch.at('old.mjs'))} $wb config`);
      assert.equal(old.code, 1);
      assert.match(old.stderr, /^whisper-backup: Node 18\.20\.4 is too old: Node 20\.19 or newer is required.*Install/);
      assert.equal(old.stderr.trimEnd().split('\n').length, 1);

      await symlink('/bin/sh', scratch.at('sh'));
      const none = await shell(`PATH='${scratch.path}' $wb config`);
      assert.equal(none.code, 1);
      assert.match(none.stderr, /^whisper-backup: Node is missing: install/);
    });

    it('asks for npm ci if it was not run, and so does make', async () => {
      await using scratch = await createScratch();
      const root = fileURLToPath(new URL('../../..', import.meta.url));
      await mkdir(scratch.at('checkout', 'ansible'), { recursive: true });
      await cp(`${root}scripts`, scratch.at('checkout', 'scripts'), { recursive: true });
      await cp(`${root}package.json`, scratch.at('checkout', 'package.json'));
      await cp(`${root}Makefile`, scratch.at('checkout', 'Makefile'));
      await writeFile(scratch.at('checkout', 'ansible', 'fleet.mk'), await readFile(`${root}ansible/fleet.mk`));
      await chmod(scratch.at('checkout', 'scripts', 'whisper-backup'), 0o755);
      const started = await shell(`'${scratch.at('checkout', 'scripts', 'whisper-backup')}' config`);
      assert.equal(started.code, 1);
      assert.match(
        started.stderr,
        /^whisper-backup: The packages of .*checkout are missing: run "npm ci" in that directory\n$/,
      );

      for (const target of ['check', 'status']) {
        const made = await shell(`make -C '${scratch.at('checkout')}' ${target}`);
        assert.equal(made.code, 2);
        assert.match(made.stderr, /The packages of .*checkout are missing: run "npm ci"/);
        assert.doesNotMatch(made.stderr, /node:internal|ERR_/);
      }
      const old = await shell(`${await asNode18(scratch.at('old.mjs'))} make -C '${scratch.at('checkout')}' test`);
      assert.equal(old.code, 2);
      assert.match(old.stderr, /Node 18\.20\.4 is too old/);
      assert.equal((await shell(`make -C '${scratch.at('checkout')}' help`)).code, 0);
    });
  });
}
