import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { acquireRunLock } from '../../../lib/system/run-lock.ts';
import { run } from './program.ts';

/** A Whisper file of one archive, ten points a minute apart, with these points known. */
function whisperFile(points: readonly { timestamp: number; value: number }[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(28 + 120));
  view.setUint32(0, 1);
  view.setUint32(4, 600);
  view.setFloat32(8, 0.5);
  view.setUint32(12, 1);
  view.setUint32(16, 28);
  view.setUint32(20, 60);
  view.setUint32(24, 10);
  const base = points[0]?.timestamp ?? 0;
  for (const { timestamp, value } of points) {
    const offset = 28 + 12 * (((timestamp - base) / 60) % 10);
    view.setUint32(offset, timestamp);
    view.setFloat64(offset + 4, value);
  }
  return new Uint8Array(view.buffer);
}

describe('the commands on a disk store', () => {
  let directory = '';
  let common: string[] = [];
  const now = Math.floor(Date.now() / 60_000) * 60;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'commands-'));
    await mkdir(join(directory, 'tree', 'servers'), { recursive: true });
    const points = [
      { timestamp: now - 120, value: 1.5 },
      { timestamp: now - 60, value: 0 },
    ];
    await writeFile(join(directory, 'tree', 'servers', 'a.wsp'), whisperFile(points));
    await writeFile(join(directory, 'tree', 'b.wsp'), whisperFile(points.slice(1)));
    common = ['--nolog', '--lockfile', join(directory, 'lock'), '--stampfile', join(directory, 'stamp')];
    common.push('--prefix', join(directory, 'tree'), '--bucket', '007');
  });
  after(() => rm(directory, { recursive: true }));

  it('accept the command line of timers, and write to the log file instead of the terminal', async () => {
    const logfile = join(directory, 'storage', 'log', 'whisper-backup.log');
    const args = [
      '--logfile',
      logfile,
      '--bucket',
      'fitbit.graphite.host',
      '--retention',
      '5',
      '--quiet',
      'backup',
      'disk',
    ];
    const own = ['--prefix', join(directory, 'tree'), '--nolock', '--nostamp'];
    assert.deepEqual(await run([...own, ...args], { cwd: directory }), { code: 0, stdout: '', stderr: '' });
    assert.match(await readFile(logfile, 'utf8'), /;INFO;backup of disk:.*fitbit\.graphite\.host .*stored 2/);
    assert.ok((await stat(join(directory, 'fitbit.graphite.host', 'servers.a'))).isDirectory());
  });

  it('write nothing, anywhere, in a dry run', async () => {
    const logfile = join(directory, 'dry.log');
    const args = [...common.slice(1), '--logfile', logfile, '-n', 'backup', 'disk', directory];
    const { code, stderr } = await run(args);
    assert.equal(code, 0, stderr);
    for (const name of ['dry.log', 'lock', 'stamp', '007']) await assert.rejects(stat(join(directory, name)), /ENOENT/);
  });

  it('back up, with one summary object on standard output and a stamp', async () => {
    const { code, stdout, stderr } = await run([...common, '--json', 'backup', 'disk', `path=${directory}`]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout.split('\n').length, 2);
    const summary = JSON.parse(stdout);
    assert.equal(summary.command, 'backup');
    assert.equal(summary.counts.stored, 2);
    assert.ok((await stat(join(directory, 'stamp'))).isFile());
    assert.ok((await stat(join(directory, '007'))).isDirectory(), 'a bucket called 007 stays that');
  });

  it('name in a dry run with --json every backup and its rule, inside the one summary object', async () => {
    const args = [...common, '--json', '-n', '--keep-monthly', '2', 'backup', 'disk', directory];
    const { code, stdout, stderr } = await run(args);
    assert.equal(code, 0, stderr);
    const { judged, command, counts } = JSON.parse(stdout);
    assert.deepEqual([command, counts.unchanged], ['backup', 2]);
    assert.deepEqual(
      judged.map(({ metric, keptBy }: { metric: string; keptBy: string }) => [metric, keptBy]),
      [
        ['b', 'retention'],
        ['servers.a', 'retention'],
      ],
    );
    assert.match(stdout, /^\{"metric":"b","key":"b\/\S+","date":"\S+","keptBy":"retention"\},$/m);
  });

  it('list in text and as JSON records', async () => {
    const text = await run([...common, 'list', 'disk', directory]);
    assert.equal(text.code, 0, text.stderr);
    assert.match(text.stdout, /^\S+\+00:00 +\d+ {2}gz +b\n\S+\+00:00 +\d+ {2}gz +servers\.a\n$/);
    const json = await run([...common, '--json', '-m', 'servers.*', 'list', 'disk', directory]);
    assert.equal(JSON.parse(json.stdout).metric, 'servers.a');
    const none = await run([...common, '-m', 'nothing', 'list', 'disk', directory]);
    assert.equal(none.code, 1);
    assert.equal(none.stdout, '');
  });

  it('show a stored metric and a file', async () => {
    const stored = await run([...common, 'show', 'servers.a', '--plot', 'disk', directory]);
    assert.equal(stored.code, 0, stored.stderr);
    assert.match(stored.stdout, /^metric +servers\.a$/m);
    assert.match(stored.stdout, /^aggregation +average$/m);
    assert.match(stored.stdout, /^0 +1 min +10 min +10 +2 /m);
    const file = await run(['--json', 'show', join(directory, 'tree', 'servers', 'a.wsp')]);
    const points = file.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      points.map(({ archive, timestamp, value }) => [archive, timestamp, value]),
      [
        [0, now - 120, 1.5],
        [0, now - 60, 0],
      ],
    );
  });

  it('restore missing files', async () => {
    const path = join(directory, 'tree', 'b.wsp');
    const whole = await readFile(path);
    await rm(path);
    const { code, stderr } = await run([...common, 'restore', 'disk', directory]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /restore of disk:.*restored 1, unchanged 1/);
    assert.deepEqual(await readFile(path), whole);
  });

  it('restore logs the exact time of a date, and reports the dates of the backups that it has used', async () => {
    const restore = (date: string) => run([...common, '--date', date, 'restore', 'disk', directory]);
    const { code, stderr } = await restore('9000-01-02 03:04');
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /backups before 9000-01-02T03:04:00\+00:00 \(--date 9000-01-02 03:04 has no time zone: using UTC\)/,
    );
    assert.match(stderr, /backups used: (from|oldest) \d{4}-\d\d-\d\dT/);
    assert.match((await restore('9000-01-02T03:04+02:00')).stderr, /backups before 9000-01-02T01:04:00\+00:00\n/);
  });

  it('exit with 3, name the metric and do not touch the stamp if one failed', async () => {
    const damaged = join(directory, 'tree', 'damaged.wsp');
    await writeFile(damaged, 'this is no Whisper file');
    await rm(join(directory, 'stamp'));
    const { code, stderr } = await run([...common, '--quiet', 'backup', 'disk', directory]);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /^warning: failed: damaged: .*\n$/);
    await assert.rejects(stat(join(directory, 'stamp')), /ENOENT/);
    assert.equal((await run([...common, '--exclude', 'damaged', 'backup', 'disk', directory])).code, 0);
    await rm(damaged);
  });

  it('exit with 11 if another run holds the lock', async () => {
    const lock = await acquireRunLock(join(directory, 'lock'), { timeout: 5 });
    try {
      const { code, stderr } = await run([...common, '--locktimeout', '0.2', 'backup', 'disk', directory]);
      assert.equal(code, 11, stderr);
      assert.equal((await run([...common, 'list', 'disk', directory])).code, 0);
    } finally {
      await lock.release();
    }
  });

  it('fill one file from another, and do not change it if the other is damaged', async () => {
    const destination = join(directory, 'destination.wsp');
    await writeFile(destination, whisperFile([]));
    const source = join(directory, 'tree', 'servers', 'a.wsp');
    const { code, stdout, stderr } = await run(['--nolog', '--json', 'fill', source, destination]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout).counts, { filled: 2 });
    const filled = await readFile(destination);
    const damaged = join(directory, 'cut.wsp');
    await writeFile(damaged, filled.subarray(0, 40));
    assert.equal((await run(['--nolog', 'fill', damaged, destination])).code, 1);
    assert.deepEqual(await readFile(destination), filled);
  });
});
