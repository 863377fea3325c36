import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { s3Arguments } from '../../../config/storage/s3.ts';
import { swiftArguments } from '../../../config/storage/swift.ts';
import { exitCodes } from '../../../scripts/cli/run/exit-code.ts';
import { plantMetrics } from '../../fixtures/metric.ts';
import { isDeno, launcher, run, start } from './program.ts';

describe('the program', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'program-'));
  });
  after(() => rm(directory, { recursive: true }));

  it('prints its version, and nothing else', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
    for (const args of [['--version'], ['-V'], ['version']]) {
      assert.deepEqual(await run(args), { code: 0, stdout: `whisper-backup ${version}\n`, stderr: '' });
    }
  });

  it('prints help with all commands and options', async () => {
    const { code, stdout, stderr } = await run(['--help']);
    assert.equal(code, 0);
    assert.equal(stderr, '');
    for (const name of ['backup', 'restore', 'purge', 'list', 'verify', 'fill', 'show', 'config']) {
      assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
    }
    assert.match(stdout, /^ {2}-b, --bucket <name> .*\(graphite-backups\)$/m);
    assert.doesNotMatch(stdout, /default: true| $/m);
    assert.deepEqual(await run(['help']), { code, stdout, stderr });
  });

  it('lists in its help every exit code, and every storage argument', async () => {
    const { stdout } = await run(['--help']);
    for (const code of Object.values(exitCodes)) assert.match(stdout, new RegExp(`^  ${code} +\\w`, 'm'));
    for (const argument of [...s3Arguments, ...swiftArguments, 'path']) {
      assert.match(stdout.slice(stdout.indexOf('Storages:')), new RegExp(`[ \\[]${argument}[\\]=]`));
    }
  });

  it('prints help for one command, with examples, without the options of others', async () => {
    const { code, stdout } = await run(['fill', '--help']);
    assert.equal(code, 0);
    assert.match(stdout, /^Examples:\n {2}whisper-backup fill /m);
    assert.equal((await run(['help', 'fill'])).stdout, stdout);
    assert.match(stdout, /--now <epoch>/);
    assert.doesNotMatch(stdout, /--purge/);
  });

  const refused: readonly [string[], RegExp][] = [
    [[], /No command: see whisper-backup --help/],
    [['bakcup', 'disk'], /Unknown command 'bakcup'; did you mean 'backup'\?/],
    [['backup', 'dsik'], /No storage 'dsik'; did you mean 'disk'\?/],
    [['backup', 'swift'], /^error: Cannot log in to Swift: set ST_AUTH/],
    [['backup'], /No storage: give one/],
    [['backup', '--buckt', 'x', 'disk'], /Unknown option --buckt; did you mean --bucket\?/],
    [['backup', '--overwrite', 'disk'], /backup does not accept --overwrite: it is an option of restore/],
    [['fill', 'one'], /^whisper-backup: fill needs a destination: whisper-backup fill .*wsp .*wsp$/m],
    [['fill'], /fill needs a source and a destination: /],
    [['show'], /show needs a target: /],
    [['hold'], /hold needs an action: /],
    [['hold', 'add', 'disk', '/srv'], /hold add needs the name of a hold before the storage disk$/m],
    [['show', 'disk', 'path=/srv', 'a.b'], /show needs the metric before the storage: .* show a\.b disk path=\/srv$/m],
    [['show', 's3', 'a.b'], /whisper-backup show a\.b s3$/m],
    [['backup', 'foo'], /No storage 'foo'; use one of disk, s3, swift, noop$/m],
    [['-m', 'a', 'b', 'list', 'disk'], /Unknown command 'b' before list: quote values .*, as in -m 'servers\.\*'/],
    [['list', '-m', 'a', 'b', 'disk', '/srv'], /No storage 'b': it is before the storage; quote values/],
    [
      ['--read-data', '3/7', 'verify', 'disk'],
      /Unknown command '3\/7' before verify: write the part as --read-data=3\/7/,
    ],
    [['list', 's3', 'profile=none-such'], /Cannot use profile 'none-such': it is not in .*credentials or .*config/],
    [['fill', 'one', 'two', 'three'], /Unused args: `three`/],
    [['restore', '--date', 'yesterday', 'disk'], /date.*"yesterday"/],
    [['verify', '--read-data=8/7', 'disk'], /--read-data must be n\/t.*: got "8\/7"/],
    [['verify', '--read-data=', 'disk'], /--read-data must be n\/t.*: got ""/],
    [['verify', '--read-data', '1/7', 'disk'], /No storage '1\/7': write the part as --read-data=1\/7/],
    [['verify', '--compare=yes', 'disk'], /--compare must be true or false: got "yes"/],
    [['verify', '--since', 'yesterday', 'disk'], /"yesterday"/],
    [['list', '--repair', 'disk'], /list does not accept --repair: it is an option of verify/],
    [['show', 'a.b', '--now', 'today', 'disk'], /--now must be a Unix time in seconds: got "today"/],
    [['config', '--config', '/nowhere/x.yaml'], /Cannot read the configuration \/nowhere\/x\.yaml/],
  ];
  for (const [args, message] of refused) {
    it(`exits with 2 and the reason on standard error: whisper-backup ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await run(['--nolog', '--nolock', '--nostamp', ...args]);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.equal(stderr.trimEnd().split('\n').length, 1);
    });
  }

  if (!isDeno) {
    it('starts through a symbolic link, from a directory with misleading files', async () => {
      const cwd = join(directory, 'traps');
      await mkdir(cwd);
      for (const name of ['config.yaml', 'config.ts', '.env', 'tsconfig.json', 'package.json', '.configrc']) {
        await writeFile(join(cwd, name), '{ this is not to be read');
      }
      const link = join(directory, 'linked');
      await symlink(launcher, link);
      const { code, stdout, stderr } = await run(['config'], { cwd, launcher: link });
      assert.equal(stderr, '');
      assert.equal(code, 0);
      assert.match(stdout, /^bucket +"graphite-backups" +default$/m);
    });

    for (const [what, args, without] of [
      ['the help', ['--help'], ['c12', 'valibot', 'consola', 'koffi', 'piscina', 'cli-progress', 'zx']],
      [
        'a backup on a disk',
        ['backup', 'disk', '-b', 'lean-bucket', '-p', 'tree', '--nolog', '--nolock', '--nostamp', '--quiet'],
        ['c12', 'cli-progress', 'zx', '@aws-sdk/client-s3', 'fflate', 'fzstd', 'snappyjs'],
      ],
    ] as const) {
      it(`loads no library for ${what} that it does not need`, async () => {
        const cwd = join(directory, 'lean');
        await plantMetrics(join(cwd, 'tree'), ['a']);
        const imports = [import.meta.resolve('tsx'), new URL('./loaded.mjs', import.meta.url).href];
        const { code, stderr } = await run(args, {
          cwd,
          // The sources themselves: what was built has its libraries in it.
          launcher: `${launcher}.ts`,
          env: { NODE_OPTIONS: imports.map((url) => `--import ${url}`).join(' ') },
        });
        const loaded: readonly string[] = JSON.parse(stderr.slice(stderr.lastIndexOf('[')));
        assert.equal(code, 0, stderr);
        assert.ok(loaded.includes('cac'), 'the list is made');
        for (const name of without) assert.ok(!loaded.includes(name), name);
      });
    }
  }

  it('prints the configuration with its origins, and no secret', async () => {
    const args = ['-b', '007', '-x', '-1', 'config', 'disk', 'path=/srv', 'secret=hunter2'];
    const { code, stdout } = await run(args, { env: { WHISPER_BACKUP_SPLAY: '7' } });
    assert.equal(code, 0);
    assert.match(stdout, /^bucket +"007" +--bucket$/m);
    assert.match(stdout, /^purge +-1 +--purge$/m);
    assert.match(stdout, /^splay +7 +WHISPER_BACKUP_SPLAY$/m);
    assert.match(stdout, /^storageArgs +\["path=\/srv","secret=\[redacted\]"\] +command line$/m);
    const json = await run(['--json', ...args]);
    assert.doesNotMatch(stdout + json.stdout, /hunter2/);
    assert.deepEqual(JSON.parse(json.stdout).bucket, { value: '007', origin: '--bucket' });
  });

  it('stays within its bandwidth, and rejects an invalid one', async () => {
    const prefix = join(directory, 'slow');
    await plantMetrics(
      prefix,
      Array.from({ length: 8 }, (_, i) => `m${i}`),
    );
    const backup = (bandwidth: string, ...more: string[]) => {
      const args = ['-p', prefix, '-b', join(directory, 'slow-bucket'), '--bandwidth', bandwidth];
      return run(['backup', 'disk', ...args, '--nolog', '--nolock', '--nostamp', '--json', ...more]);
    };
    const dry = await backup('1', '--noop');
    assert.equal(dry.code, 0, dry.stderr);
    const { code, stdout, stderr } = await backup('1K');
    assert.equal(code, 0, stderr);
    const { seconds, counts } = JSON.parse(stdout);
    // A second's worth is saved up, and the last body overdraws.
    const least = (counts.bytesStored * (7 / 8) - 1024) / 1024;
    assert.ok(least > 0.5 && seconds > least, `${counts.bytesStored} bytes in ${seconds} s`);
    const refused = await backup('fast');
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /--bandwidth must be bytes per second.*: got "fast"/);
  });

  it('uses the stat cache, unless it is disabled', async () => {
    const prefix = join(directory, 'settled');
    await plantMetrics(prefix, ['a', 'b']);
    await sleep(2100);
    const read = async (...more: string[]): Promise<boolean> => {
      const args = ['-p', prefix, '-b', join(directory, 'settled-bucket'), '--cache-dir', join(directory, 'cache')];
      const env = { WHISPER_BACKUP_NO_CACHE: 'false' };
      const quiet = ['--nolog', '--nolock', '--nostamp', '--json'];
      const { code, stdout, stderr } = await run(['backup', 'disk', ...args, ...quiet, ...more], { env });
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout).counts.bytesRead > 0;
    };
    assert.equal(await read('--no-cache'), true);
    assert.equal(await read(), true);
    assert.equal(await read(), false);
    assert.equal(await read('--rehash'), true);
    assert.equal(await read('--no-cache'), true);
  });

  it('exits with 10 if the bucket is missing', async () => {
    const { code, stderr } = await run(['list', '-b', 'none', 'disk', directory]);
    assert.equal(code, 10, stderr);
  });

  it('exits with 1 if a configured log file cannot be written', async () => {
    const logfile = join(directory, 'file', 'x.log');
    await writeFile(join(directory, 'file'), '');
    const args = ['--nolock', '--nostamp', '--logfile', logfile, 'backup', 'noop'];
    const { code, stderr } = await run(args);
    assert.equal(code, 1);
    assert.match(stderr, /Cannot write the log file .*--logfile/);
  });

  it('exits with 1 and touches no stamp without a tree', async () => {
    const stampfile = join(directory, 'stamp-none');
    const args = ['--nolog', '--nolock', '--stampfile', stampfile, '-p', join(directory, 'no-tree'), 'backup', 'noop'];
    const { code, stderr } = await run(args);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /no-tree/);
    await assert.rejects(stat(stampfile), /ENOENT/);
  });

  it('reports the missing directory of the lock file', async () => {
    const args = ['--nolog', '--nostamp', '--lockfile', join(directory, 'no', 'lock'), 'backup', 'noop'];
    const { code, stderr } = await run(args);
    assert.equal(code, 1);
    assert.match(stderr, /lock file .*--lockfile/);
  });

  const waiting = ['--nolock', '--nostamp', '--splay', '100000', 'backup', 'noop'];
  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`exits with ${expected} within seconds of ${signal}`, async () => {
      const program = start(['--nolog', ...waiting]);
      await program.shown('Starting in');
      const started = Date.now();
      program.kill(signal);
      const { code, stdout, stderr } = await program.ended;
      assert.equal(code, expected);
      assert.equal(stdout, '');
      assert.match(stderr, new RegExp(`error: Interrupted by ${signal}\n$`));
      assert.ok(Date.now() - started < 5000);
    });
  }

  it('reopens its log file on SIGHUP', async () => {
    const logfile = join(directory, 'hup.log');
    const program = start(['--logfile', logfile, ...waiting]);
    await program.shown('Starting in');
    await rename(logfile, `${logfile}.1`);
    program.kill('SIGHUP');
    for (let tries = 0; tries < 3000 && !(await exists(logfile)); tries++) await pause(20);
    program.kill('SIGTERM');
    assert.equal((await program.ended).code, 143);
    assert.match(await readFile(`${logfile}.1`, 'utf8'), /^\S+\+00:00;INFO;Starting in \d+ s \(--splay\)\n$/);
    assert.match(await readFile(logfile, 'utf8'), /^\S+;ERROR;Interrupted by SIGTERM\n$/);
  });

  it('ends without an error if its reader exits', async () => {
    const command = isDeno ? `'${process.execPath}' run -A '${launcher}.ts'` : `'${process.execPath}' '${launcher}'`;
    // The reader is gone before the first line.
    const shell = spawn('bash', ['-c', `(sleep 0.2; ${command} config; echo "ended $?" >&2) | true`]);
    let stderr = '';
    shell.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    await new Promise((resolve) => shell.on('close', resolve));
    assert.equal(stderr, 'ended 0\n');
  });
});

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
