import assert from 'node:assert/strict';
import { chmod, chown, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { after, before, beforeEach, describe, it } from 'node:test';
import { writeCheck } from '../../../lib/monitoring/check-files.ts';
import { acquireRunLock } from '../../../lib/system/run-lock.ts';
import { plantMetric, plantMetrics } from '../../fixtures/metric.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';
import { Tmpfs } from '../../fixtures/tmpfs.ts';
import { freePort } from '../../servers/free-port.ts';
import { run } from './program.ts';

interface Finding {
  readonly name: string;
  readonly level: 'ok' | 'warn' | 'bad';
  readonly finding: string;
  readonly remedy?: string;
}

/** Who runs carbon, and so the backups. */
const CARBON = 997;

describe('doctor, on a host whose backups go to a disk', () => {
  let scratch: Scratch;
  let common: Record<string, string> = {};
  const bucket = () => scratch.at('backups', 'b');

  /** The findings by name; options stand for what the configuration would say. */
  async function doctor(options: Readonly<Record<string, string>> = {}, ...flags: readonly string[]) {
    const named = Object.entries({ ...common, ...options }).map(([name, value]) => `--${name}=${value}`);
    const args = [...named, ...flags, '--json', 'doctor', 'disk', scratch.at('backups')];
    const { code, stdout, stderr } = await run(args, { env: { WHISPER_BACKUP_NO_CACHE: 'false' } });
    const { checks, state } = JSON.parse(stdout || '{}');
    assert.ok(Array.isArray(checks), stderr);
    assert.equal(code, state === 'bad' ? 1 : 0, stderr);
    const found: Record<string, Finding> = Object.fromEntries(checks.map((one: Finding) => [one.name, one]));
    return {
      code,
      of(name: string): Finding {
        const finding = found[name];
        assert.ok(finding, name);
        return finding;
      },
      /** Those that are not ok, but for what a test host lacks. */
      wrong: checks.filter(({ name, level }: Finding) => level === 'bad' && name !== 'timer').map(({ name }) => name),
    };
  }

  before(async () => {
    scratch = await createScratch();
  });
  after(() => scratch[Symbol.asyncDispose]());
  beforeEach(async () => {
    for (const name of await readdir(scratch.path)) await rm(scratch.at(name), { recursive: true, force: true });
    await plantMetrics(scratch.at('tree'), ['a', 'servers/web01/cpu']);
    await mkdir(bucket(), { recursive: true });
    for (const name of ['state', 'cache', 'log']) await scratch.directory(name);
    common = {
      prefix: scratch.at('tree'),
      bucket: 'b',
      lockfile: scratch.at('lock'),
      'state-dir': scratch.at('state'),
      'cache-dir': scratch.at('cache'),
      logfile: scratch.at('log', 'log'),
      stampfile: scratch.at('log', 'stamp'),
    };
  });

  it('finds no problem if there is none, exits with 0, and leaves nothing in the bucket', async () => {
    const { code, of, wrong } = await doctor();
    assert.deepEqual([code, wrong], [0, []]);
    assert.deepEqual(of('credentials'), {
      name: 'credentials',
      level: 'ok',
      finding: `disk:${bucket()} allows list, put, get and delete`,
    });
    for (const name of ['clock', 'prefix', 'locks', 'native', 'run lock', 'directories'])
      assert.equal(of(name).level, 'ok', JSON.stringify(of(name)));
    const left = await readdir(bucket(), { recursive: true, withFileTypes: true });
    assert.deepEqual(
      left.filter((entry) => entry.isFile()),
      [],
    );
  });

  it('prints a line for each check, followed by the remedy', async () => {
    const args = Object.entries(common).map(([name, value]) => `--${name}=${value}`);
    const { code, stdout } = await run([...args, '-b', 'none', 'doctor', 'disk', scratch.at('backups')]);
    assert.equal(code, 1);
    assert.match(stdout, /^ok {4}native {7}koffi loads the C library; .+$/m);
    assert.match(stdout, /^bad {3}credentials {2}disk:\S+\/none does not exist\n {19}The first backup creates it/m);
  });

  it('reports a missing bucket, and does not create it', async () => {
    const { of, wrong } = await doctor({ bucket: 'none' });
    assert.deepEqual(wrong, ['credentials']);
    assert.match(of('credentials').finding, /none does not exist/);
    assert.match(of('clock').finding, /see the check credentials/);
    await assert.rejects(stat(scratch.at('backups', 'none')));
  });

  it('reports a tree that is missing, empty, or has files that its owner cannot read', async () => {
    const missing = (await doctor({ prefix: scratch.at('nowhere') })).of('prefix');
    assert.equal(missing.level, 'bad');
    assert.match(missing.finding, /nowhere/);

    const empty = (await doctor({ prefix: scratch.at('state') })).of('prefix');
    assert.equal(empty.level, 'bad');
    assert.match(`${empty.finding} ${empty.remedy}`, /no Whisper file Check that it is mounted/);

    await chown(scratch.at('tree'), CARBON, CARBON);
    const file = await plantMetric(scratch.at('tree'), 'private');
    await chmod(file, 0o600);
    const wrong = (await doctor()).of('prefix');
    assert.equal(wrong.level, 'bad');
    assert.match(wrong.finding, /private\.wsp is not readable by user 997 \(it belongs to user 0, mode 0600\)/);
    assert.match(wrong.remedy ?? '', /chown -R 997/);

    await chown(file, CARBON, CARBON);
    assert.equal((await doctor()).of('prefix').level, 'ok');

    await chmod(scratch.at('tree'), 0o555);
    assert.equal((await doctor()).of('prefix').level, 'warn');
  });

  it('warns of policies that are the first to match no metric, and config shows them', async () => {
    const policies = (...globs: readonly string[]) =>
      writeFile(scratch.at('p.json'), JSON.stringify({ policies: globs.map((match) => ({ match, retention: 1 })) }), {
        mode: 0o600,
      });
    await policies('servers.*', 'a');
    const config = { config: scratch.at('p.json') };
    const fine = (await doctor(config)).of('policies');
    assert.deepEqual(
      [fine.level, fine.finding],
      ['ok', 'Each of the 2 policies is the first that matches some metric'],
    );
    await policies('servers.*', 'servers.web01.*', 'nothing', '*');
    const { level, finding } = (await doctor(config)).of('policies');
    assert.equal(level, 'warn');
    assert.match(finding, /gets the policy number 2 \("servers\.web01\.\*"\) or number 3 \("nothing"\)$/);
    const { stdout } = await run(['--config', scratch.at('p.json'), 'config']);
    assert.match(stdout, /^policies +\[\{"match":"servers\.\*","retention":1\},.*p\.json$/m);
  });

  it('reports directories that the owner of the tree cannot write, even if root runs it', async () => {
    await chown(scratch.at('tree'), CARBON, CARBON);
    for (const name of ['state', 'cache', 'log']) await chown(scratch.at(name), CARBON, CARBON);
    assert.equal((await doctor()).of('directories').level, 'ok');

    await writeFile(scratch.at('log', 'log'), '');
    await chmod(scratch.at('state'), 0o555);
    const { level, finding, remedy } = (await doctor()).of('directories');
    assert.equal(level, 'bad');
    assert.match(
      finding,
      /stateDir: .*state is not writable by user 997.*; logfile: .*log is not writable by user 997/,
    );
    assert.match(remedy ?? '', /chown 997:997/);
  });

  it('reports directories on a full disk, where a run could not write its record', async () => {
    using disk = new Tmpfs(scratch.at('disk'), 'size=256k');
    disk.fill();
    const { level, finding, remedy } = (await doctor({ 'state-dir': disk.at('state') })).of('directories');
    assert.equal(level, 'bad');
    assert.match(finding, /^stateDir: .*disk is on a full file system$/);
    assert.match(remedy ?? '', /Free some space/);
    disk.empty();
    assert.equal((await doctor({ 'state-dir': disk.at('state') })).of('directories').level, 'ok');
  });

  it('continues if a check fails, and does not report a running backup as a problem', async () => {
    const lock = await acquireRunLock(scratch.at('lock'), { timeout: 5 });
    try {
      assert.match((await doctor()).of('run lock').finding, /is held: a run is in progress/);
    } finally {
      await lock.release();
    }
    const { of, wrong } = await doctor({ lockfile: scratch.at('no', 'lock') });
    assert.deepEqual(wrong, ['run lock']);
    assert.match(of('run lock').finding, /Cannot open the lock file/);
  });

  it('checks memory and the compressors of the host', async () => {
    const { of, wrong } = await doctor({ 'bytes-in-flight': String(2 ** 50), 'gzip-engine': 'zlib' });
    assert.deepEqual(wrong, ['memory']);
    assert.match(of('memory').remedy ?? '', /bytesInFlight/);
    assert.match(of('compression').finding, /^gz is compressed by zlib at level \d; this host has .*zlib/);
  });

  it('evaluates the last run like status', async () => {
    assert.equal((await doctor()).of('last run').level, 'warn');
    const args = Object.entries(common).map(([name, value]) => `--${name}=${value}`);
    const backup = await run([...args, 'backup', 'disk', scratch.at('backups')]);
    assert.equal(backup.code, 0, backup.stderr);
    assert.match((await doctor()).of('last run').finding, /^Backups are healthy/);
    const now = new Date().toISOString();
    await writeCheck(scratch.at('state'), 'journal', { part: null, started: now, finished: now, exitCode: 3 });
    const journal = (await doctor()).of('last run');
    assert.equal(journal.level, 'warn');
    assert.match(journal.finding, /, but the last journal run ended with exit code 3$/);
    await rm(scratch.at('tree', 'a.wsp'));
    await writeFile(scratch.at('tree', 'a.wsp'), 'no whisper file');
    assert.equal((await run([...args, 'backup', 'disk', scratch.at('backups')])).code, 3);
    const { level, finding } = (await doctor()).of('last run');
    assert.equal(level, 'bad');
    assert.match(finding, /^the last full backup ended with exit code 3 at /);
  });

  it('warns if carbon does not accept figures', async () => {
    const { level, finding } = (await doctor({ carbon: `127.0.0.1:${await freePort()}` })).of('figures');
    assert.equal(level, 'warn');
    assert.match(finding, /ECONNREFUSED/);
  });

  it('writes nothing in a dry run, and reports that it checked less', async () => {
    const { of } = await doctor({}, '-n');
    assert.match(of('credentials').finding, /a dry run tries nothing else/);
    assert.equal(of('config').level, 'warn');
    assert.deepEqual(await readdir(bucket()), []);
  });
});
