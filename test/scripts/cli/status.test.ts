import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { after, describe, it } from 'node:test';
import * as v from 'valibot';
import { hostStatusSchema } from '../../../lib/monitoring/host-status.ts';
import { acquireRunLock } from '../../../lib/system/run-lock.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { plantTree } from '../../fixtures/tree.ts';
import { run, start } from './program.ts';

const scratch = await createScratch();
const prefix = await scratch.directory('tree');
await plantTree(prefix, ['servers/web1/cpu.wsp', 'servers/web1/load.wsp']);
const stores = await scratch.directory('stores');
after(() => scratch[Symbol.asyncDispose]());

/** A host with a state directory and a bucket of its own. */
function host(name: string) {
  const state = scratch.at(`state-${name}`);
  const place = ['disk', stores, '--state-dir', state, '-b', name];
  const quiet = ['-p', prefix, '--nolog', '--nolock', '--nostamp', '--quiet'];
  return {
    state,
    args: [...place, ...quiet],
    program: (...words: readonly string[]) => run([...words, ...place, ...quiet]),
    backup: (...more: readonly string[]) => run(['backup', ...place, ...quiet, ...more]),
    text: (...more: readonly string[]) => run(['status', ...place, ...more]),
    async status(...more: readonly string[]) {
      const { code, stdout, stderr } = await run(['status', ...place, '--json', ...more]);
      assert.equal(stdout.split('\n').length, 2, stderr);
      return { code, ...v.parse(hostStatusSchema, JSON.parse(stdout)) };
    },
  };
}

/** Makes a record look as if its run had been so many seconds earlier. */
async function age(directory: string, seconds: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const record = JSON.parse(await readFile(`${directory}/${name}`, 'utf8'));
    record.finished = new Date(Date.parse(record.finished) - seconds * 1000).toISOString();
    await writeFile(`${directory}/${name}`, JSON.stringify(record));
  }
}

/** The time of a record that is the newest, and not ahead of the clock. */
function soon(): string {
  return `${new Date(Date.now() + 60_000).toISOString().slice(0, 19)}+00:00`;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await holds()); ) assert.ok(Date.now() < end, 'it never came to hold');
}

describe('whisper-backup status', () => {
  it('is unknown, with exit code 1, before the first backup', async () => {
    const { text, status } = host('new');
    const { code, stdout, stderr } = await text();
    assert.deepEqual([code, stderr], [1, '']);
    assert.match(stdout, /UNKNOWN\nproblem +no successful full backup is on record\nbucket +disk:\S+\/new$/m);
    assert.equal((await status()).state, 'unknown');
  });

  it('is ok after a success, both from the host and from its bucket', async () => {
    const { backup, text, status } = host('well');
    assert.equal((await backup()).code, 0);
    const own = await status();
    assert.deepEqual([own.bucket, own.problems], [`disk:${stores}/well`, []]);
    assert.deepEqual(
      [own.code, own.state, own.source, own.host, own.metrics, own.stored, own.failed],
      [0, 'ok', 'host', hostname(), 2, 2, 0],
    );
    assert.ok(own.ageSeconds !== null && own.ageSeconds < 60);
    const stored = await status('--bucket-records');
    assert.deepEqual([stored.code, stored.state, stored.source, stored.nextTimer], [0, 'ok', 'bucket', null]);
    assert.deepEqual([stored.host, stored.lastSuccess, stored.bytes], [own.host, own.lastSuccess, own.bytes]);
    assert.match((await text()).stdout, /^last backup +metrics 2, stored 2, unchanged 0, failed 0, /m);
  });

  it('is failed after any failed run', async () => {
    const { backup, status } = host('failed');
    assert.equal((await backup()).code, 0);
    assert.equal((await backup('-p', scratch.at('no-tree'))).code, 1);
    const broken = await status();
    assert.deepEqual([broken.code, broken.state, broken.lastRun?.exitCode, broken.metrics], [1, 'failed', 1, 2]);
    assert.match(broken.problems[0] ?? '', /no-tree/);
    assert.equal((await status('--bucket-records')).state, 'failed');
    assert.equal((await backup()).code, 0);
    assert.equal((await status()).state, 'ok');
  });

  it('is late if the last success is older than two intervals', async () => {
    const { backup, state, status } = host('late');
    assert.equal((await backup('--interval', '60')).code, 0);
    await age(`${state}/runs`, 121);
    await age(`${stores}/late/.whisper-backup/runs`, 121);
    assert.deepEqual(
      [(await status('--interval', '60')).state, (await status('--interval', '3600')).state],
      ['late', 'ok'],
    );
    const stored = await status('--bucket-records');
    assert.deepEqual([stored.code, stored.state], [1, 'late']);
  });

  it('skips invalid records, with a warning, and writes nothing', async () => {
    const { backup, state, text } = host('damaged');
    assert.equal((await backup()).code, 0);
    await writeFile(`${state}/runs/2026-01-01T00:00:00+00:00.json`, 'x');
    await rename(`${state}/runs/2026-01-01T00:00:00+00:00.json`, `${state}/runs/${soon()}.json`);
    await writeFile(`${state}/runs/other`, 'x');
    const before = await readdir(`${state}/runs`);
    const { code, stderr } = await text();
    assert.equal(code, 0);
    assert.match(stderr, /^warning: Cannot use the run record \S+\.json: .*\n$/);
    assert.deepEqual(await readdir(`${state}/runs`), before);
  });

  it('ignores records ahead of the clock, and reports them, however many there are', async () => {
    const { backup, state, text, status } = host('ahead');
    assert.equal((await backup()).code, 0);
    const [name = ''] = await readdir(`${state}/runs`);
    const record = await readFile(`${state}/runs/${name}`, 'utf8');
    for (const runs of [`${state}/runs`, `${stores}/ahead/.whisper-backup/runs`]) {
      for (let day = 10; day < 50; day++) await writeFile(`${runs}/20${day + 40}-01-01T00:00:00+00:00.json`, record);
      await rm(`${runs}/${name}`);
    }
    for (const where of [[], ['--bucket-records']]) {
      assert.equal((await status(...where)).state, 'unknown');
      const { stderr } = await text(...where);
      assert.match(stderr, /^warning: Ignored 40 run records in \S+ .*ahead of this host's clock, the newest .*2089-/);
    }
    // They push out no record of a run.
    for (let i = 0; i < 2; i++) assert.equal((await backup()).code, 0);
    for (const where of [[], ['--bucket-records']]) assert.equal((await status(...where)).state, 'ok');
  });

  it('is not changed by a restore', async () => {
    const { backup, program, status } = host('restored');
    assert.equal((await backup()).code, 0);
    assert.equal((await program('restore', '-m', 'typo.*')).code, 1);
    const mistyped = await status();
    assert.deepEqual([mistyped.state, mistyped.lastRun?.command, mistyped.lastRun?.exitCode], ['ok', 'restore', 1]);
    assert.equal((await backup('-p', scratch.at('no-tree'))).code, 1);
    assert.equal((await program('restore')).code, 0);
    assert.deepEqual([(await status()).state, (await status('--bucket-records')).state], ['failed', 'failed']);
  });

  it('is not changed by a partial backup, or one into another bucket', async () => {
    const { backup, program, state, status } = host('parts');
    const other = ['-b', 'elsewhere'];
    assert.equal((await backup()).code, 0);
    for (const runs of [`${state}/runs`, `${stores}/parts/.whisper-backup/runs`]) await age(runs, 200_000);
    for (const part of [
      ['-m', 'servers.web1.cpu'],
      ['--exclude', '*.load'],
      [...other, '--create'],
    ]) {
      assert.equal((await backup(...part)).code, 0);
      assert.equal((await status()).state, 'late', part.join(' '));
    }
    assert.equal((await status('--bucket-records')).state, 'late');
    const { lastRun, bucket } = await status(...other);
    assert.deepEqual([lastRun?.command, bucket], ['backup', `disk:${stores}/elsewhere`]);
    assert.equal((await status(...other)).state, 'ok');
    assert.equal((await program('backup', '-p', prefix)).code, 0);
    assert.equal((await status()).state, 'ok');
    assert.equal((await backup('-p', scratch.at('no-tree'), '-m', 'typo.*')).code, 1);
    assert.equal((await status()).state, 'ok');
  });

  it('shows a running backup, and is failed if it was killed', async () => {
    const { args, backup, status } = host('killed');
    assert.equal((await backup()).code, 0);
    const late = start(['backup', ...args, '--splay', '1000000', '--quiet']);
    try {
      await until(async () => (await status()).running !== null);
      const under = await status();
      assert.deepEqual([under.state, under.running?.command], ['ok', 'backup']);
    } finally {
      late.kill('SIGKILL');
      await late.ended;
    }
    const killed = await status();
    assert.deepEqual([killed.code, killed.state, killed.running], [1, 'failed', null]);
    assert.match(killed.problems[0] ?? '', /never ended/);
    assert.equal((await backup('-m', '*.cpu')).code, 0);
    assert.equal((await status()).state, 'failed');
    assert.equal((await backup()).code, 0);
    assert.equal((await status()).state, 'ok');
  });

  it('is failed if the backup could not start: its lock was held, or its credentials could not be read', async () => {
    const { backup, state, status } = host('unstarted');
    assert.equal((await backup()).code, 0);
    const lock = await acquireRunLock(scratch.at('lock'), { timeout: 5 });
    const place = ['disk', stores, '--state-dir', state, '-b', 'unstarted', '-p', prefix, '--nolog', '--nostamp'];
    try {
      const locked = ['--lockfile', scratch.at('lock'), '--locktimeout', '0.1'];
      assert.equal((await run(['backup', ...place, ...locked])).code, 11);
    } finally {
      await lock.release();
    }
    assert.match((await status()).problems[0] ?? '', /exit code 11 .*Cannot start/);
    assert.equal((await backup()).code, 0);

    const s3 = ['s3', 'us-east-1', ...place.slice(2), '--nolock', '--credentials', scratch.at('none')];
    assert.equal((await run(['backup', ...s3])).code, 2);
    const refused = await run(['status', 's3', '--state-dir', state, '-b', 'unstarted', '--json']);
    assert.match(JSON.parse(refused.stdout).problems[0], /exit code 2 .*Cannot read the credentials/);
  });

  it('is failed if the disk of the bucket is not mounted', async () => {
    const { backup, status } = host('unmounted');
    assert.equal((await backup()).code, 0);
    await rm(`${stores}/unmounted`, { recursive: true });
    await mkdir(`${stores}/unmounted`);
    const { state, problems } = await status();
    assert.equal(state, 'failed');
    assert.match(problems[0] ?? '', /bucket \S+unmounted is missing .*check that its disk is mounted/);
  });

  it('names an unreadable directory', async () => {
    const { state, text } = host('unreadable');
    await mkdir(state);
    await writeFile(`${state}/runs`, '');
    const { code, stderr } = await text();
    assert.equal(code, 1);
    assert.match(stderr, /Cannot read the records of runs in \S+state-unreadable: .*: see --state-dir/);
  });

  it('never reports another bucket than the one of an option', async () => {
    const { state, backup, text } = host('named');
    assert.equal((await backup()).code, 0);
    assert.equal((await run(['status', '--state-dir', state])).code, 0);
    const { code, stdout, stderr } = await run(['status', '--state-dir', state, '-b', 'typo']);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /that --bucket names: no storage is configured\. Name the storage, as in .* status disk path=DIR/,
    );
    assert.equal((await text()).code, 0);
  });

  it('rejects a bucket or storage path that is configured without a storage, as ambiguous', async () => {
    const { state, backup } = host('configured');
    assert.equal((await backup()).code, 0);
    const file = scratch.at('configured.json');
    for (const [key, value] of [
      ['bucket', 'configured'],
      ['storagePath', 'web1'],
      ['storagePathRaw', 'web1'],
    ] as const) {
      await writeFile(file, JSON.stringify({ [key]: value }));
      const { code, stdout, stderr } = await run(['status', '--config', file]);
      assert.deepEqual([code, stdout], [2, ''], stderr);
      assert.match(
        stderr,
        new RegExp(`Cannot find the bucket that ${key}: "[a-z0-9]+" of \\S+configured.json names: no storage`),
      );
      assert.match(
        stderr,
        /Add storage: and storageArgs: to the configuration, or name the storage, as in .*status disk path=DIR/,
      );
    }
    await writeFile(file, JSON.stringify({ bucket: 'configured' }));
    const named = await run(['status', 'disk', stores, '--state-dir', state, '--config', file, '--json']);
    assert.deepEqual([named.code, JSON.parse(named.stdout).bucket], [0, `disk:${stores}/configured`]);
    const variable = await run(['status', '--state-dir', state], { env: { WHISPER_BACKUP_BUCKET: 'configured' } });
    assert.equal(variable.code, 2);
    assert.match(variable.stderr, /Cannot find the bucket that WHISPER_BACKUP_BUCKET="configured" names/);
  });

  it('exits with 10 if the bucket is missing, and with 2 if none is given', async () => {
    const { text, backup } = host('gone');
    assert.equal((await backup()).code, 0);
    await rm(`${stores}/gone`, { recursive: true });
    assert.equal((await text()).code, 1);
    assert.equal((await text('--bucket-records')).code, 10);
    assert.equal((await run(['status', '--bucket-records'])).code, 2);
  });
});
