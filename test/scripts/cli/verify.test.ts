import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { acquireRunLock } from '../../../lib/system/run-lock.ts';
import { metricFile, plantMetric, plantMetrics } from '../../fixtures/metric.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';
import { contents, readTree } from '../../fixtures/tree.ts';
import { type Ended, run } from './program.ts';

describe('the command verify', () => {
  let scratch: Scratch;
  let common: string[] = [];
  let storage: string[] = [];
  let bucket = '';
  const program = (...args: readonly string[]): Promise<Ended> => run([...common, ...args, ...storage]);

  before(async () => {
    scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['a', 'servers/web01/cpu']);
    common = ['--nolog', '--lockfile', scratch.at('lock'), '--stampfile', scratch.at('stamp')];
    common.push('--prefix', scratch.at('tree'), '-b', 'b');
    storage = ['disk', scratch.path];
    bucket = scratch.at('b');
    const { code, stderr } = await program('backup');
    assert.equal(code, 0, stderr);
    await rm(scratch.at('stamp'));
  });
  after(() => scratch[Symbol.asyncDispose]());

  async function dataOf(metric: string): Promise<string> {
    const [name = ''] = await readdir(join(bucket, metric));
    return join(bucket, metric, name);
  }

  it('exits with 0 if there is no problem, takes no lock and touches no stamp', async () => {
    const lock = await acquireRunLock(scratch.at('lock'), { timeout: 5 });
    try {
      const { code, stdout, stderr } = await program('--read-data', '--compare', '--json', 'verify');
      assert.equal(code, 0, stderr);
      const summary = JSON.parse(stdout);
      assert.deepEqual([summary.command, summary.damaged, summary.failed], ['verify', [], []]);
      const { metrics, backups, read, same, damaged } = summary.counts;
      assert.deepEqual(
        { metrics, backups, read, same, damaged },
        { metrics: 2, backups: 2, read: 2, same: 2, damaged: 0 },
      );
      await assert.rejects(stat(scratch.at('stamp')), /ENOENT/);
    } finally {
      await lock.release();
    }
  });

  it('reads each backup in one of the nights', async () => {
    let read = 0;
    for (const night of [1, 2, 3]) {
      const { code, stdout, stderr } = await program('verify', `--read-data=${night}/3`, '--json');
      assert.equal(code, 0, stderr);
      read += JSON.parse(stdout).counts.read;
    }
    assert.equal(read, 2);
  });

  it('exits with 1 if nothing matched, with 10 without a bucket', async () => {
    const none = await program('-m', 'nothing', 'verify');
    assert.equal(none.code, 1);
    assert.match(none.stderr, /Nothing to verify: .*"nothing"/);
    assert.equal((await program('-b', 'other', 'verify')).code, 10);
  });

  it('reports differences from the tree, which are not damage', async () => {
    await plantMetric(scratch.at('tree'), 'new');
    const changed = await plantMetric(scratch.at('tree'), 'a', metricFile(50));
    const { code, stderr } = await program('--compare', 'verify');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^note: new: its local file has no backup$/m);
    assert.match(stderr, /^verify of disk:.*damaged 0.*same 1, changed 1, never stored 1/m);
    await writeFile(changed, metricFile(1));
    await rm(scratch.at('tree', 'new.wsp'));
  });

  it('exits with 4 and names the damage, repairs it under the lock, and the next backup stores it again', async () => {
    const data = await dataOf('servers.web01.cpu');
    const whole = await readFile(data);
    await truncate(data, 40);
    const unread = await program('verify');
    assert.equal(unread.code, 0, unread.stderr);
    const { code, stdout, stderr } = await program('--read-data', '--json', 'verify');
    assert.equal(code, 4, stderr);
    const key = data.slice(bucket.length + 1);
    const [damaged] = JSON.parse(stdout).damaged;
    assert.deepEqual([damaged.metric, damaged.key, damaged.instead], ['servers.web01.cpu', key, null]);
    assert.match(
      stderr,
      /^warning: damaged: servers\.web01\.cpu: servers.*\.gz: Cannot decompress gzip: .*; a restore can use nothing instead$/m,
    );

    const before = contents(await readTree(scratch.path));
    const dry = await program('-n', '--read-data', '--repair', 'verify');
    assert.equal(dry.code, 4, dry.stderr);
    assert.match(dry.stderr, /^Would move servers/m);
    assert.match(dry.stderr, /; would be moved to \.whisper-backup\/quarantine\//);
    assert.deepEqual(contents(await readTree(scratch.path)), before);

    const lock = await acquireRunLock(scratch.at('lock'), { timeout: 5 });
    try {
      assert.equal((await program('--locktimeout', '0.2', '--read-data', '--repair', 'verify')).code, 11);
    } finally {
      await lock.release();
    }
    assert.deepEqual(contents(await readTree(scratch.path)), before);

    const repaired = await program('--read-data', '--repair', 'verify');
    assert.equal(repaired.code, 4, repaired.stderr);
    assert.match(repaired.stderr, /; moved to \.whisper-backup\/quarantine\/servers\.web01\.cpu\/.*\.damaged$/m);
    assert.equal((await readFile(join(bucket, '.whisper-backup/quarantine', `${key}.damaged`))).length, 40);

    const backup = await program('--json', 'backup');
    assert.deepEqual([backup.code, JSON.parse(backup.stdout).counts.stored], [0, 1], backup.stderr);
    assert.deepEqual(await readFile(await dataOf('servers.web01.cpu')), whole);
    assert.equal((await program('--read-data', 'verify')).code, 0);
  });

  it('exits with 1 for --repair of another machine’s bucket, but verifies it without', async () => {
    const marker = join(bucket, '.whisper-backup', 'owner.json');
    const own = await readFile(marker);
    await writeFile(marker, JSON.stringify({ machineId: 'other', host: 'web02', since: '' }));
    const { code, stderr } = await program('--repair', 'verify');
    assert.equal(code, 1);
    assert.match(stderr, /it holds the backups of host "web02"/);
    assert.equal((await program('verify')).code, 0);
    await writeFile(marker, own);
  });

  it('writes a log, because a timer runs it', async () => {
    await mkdir(scratch.at('log'));
    const logfile = scratch.at('log', 'verify.log');
    const { code, stderr } = await run([...common.slice(1), '--logfile', logfile, '--quiet', 'verify', ...storage]);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(await readFile(logfile, 'utf8'), /;INFO;verify of disk:.*backups 2, damaged 0/);
  });
});
