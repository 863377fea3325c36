import assert from 'node:assert/strict';
import { chown, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { createDiskStore } from '../../../lib/store/drivers/disk/disk.ts';
import { acquireRunLock } from '../../../lib/system/run-lock.ts';
import { lockByPython } from '../../fixtures/locker.ts';
import { isRoot } from '../../fixtures/runtime.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { plantTree } from '../../fixtures/tree.ts';
import { run, start } from './program.ts';

const scratch = await createScratch();
const prefix = await scratch.directory('tree');
await plantTree(prefix, ['servers/web1/cpu.wsp', 'servers/web1/load.wsp']);
const stores = await scratch.directory('stores');
after(() => scratch[Symbol.asyncDispose]());

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00\.json$/;

/** A place of its own for each test: bucket and state directory. */
function place(name: string) {
  const state = scratch.at(`state-${name}`);
  const args = ['--nolog', '--nostamp', '--lockfile', scratch.at(`lock-${name}`), '-p', prefix, '-b', name];
  const words = ['--state-dir', state, ...args];
  return {
    state,
    program: (command: string, ...more: readonly string[]) => run([command, 'disk', stores, ...words, ...more]),
    args: words,
    onHost: () => recordsIn(`${state}/runs`),
    inBucket: () => recordsIn(`${stores}/${name}/.whisper-backup/runs`),
  };
}

async function recordsIn(directory: string) {
  const names = await readdir(directory).catch(() => []);
  return Promise.all(
    names.sort().map(async (name) => {
      assert.match(name, TIMESTAMP);
      return JSON.parse(await readFile(`${directory}/${name}`, 'utf8'));
    }),
  );
}

describe('The record of a run', () => {
  it('is written on the host and in the bucket by backup, restore and purge, each with its own time', async () => {
    const { program, onHost, inBucket } = place('three');
    const summaries = [];
    for (const command of ['backup', 'restore', 'purge']) {
      const { code, stdout, stderr } = await program(command, '--json', '--interval', '3600');
      assert.equal(code, 0, stderr);
      summaries.push(JSON.parse(stdout));
    }
    const found = await onHost();
    assert.deepEqual(found, await inBucket());
    assert.deepEqual(
      found.map(({ command }) => command),
      ['backup', 'restore', 'purge'],
    );
    assert.deepEqual(
      found.map(({ summary }) => summary),
      summaries,
    );
    const owner = JSON.parse(await readFile(`${stores}/three/.whisper-backup/owner.json`, 'utf8'));
    const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
    for (const record of found) {
      assert.deepEqual(
        [record.version, record.program, record.host, record.machine, record.exitCode, record.interval],
        [1, version, owner.host, owner.machineId, 0, 3600],
      );
      assert.ok(Date.parse(record.finished) - Date.parse(record.started) === Math.round(record.seconds * 1000));
    }
  });

  it('is not written by a dry run, the storage noop, and commands that only read', async () => {
    const { program, args, state } = place('none');
    assert.equal((await program('backup', '-n')).code, 0);
    assert.equal((await run(['backup', 'noop', ...args])).code, 0);
    await assert.rejects(readdir(state), /ENOENT/);
    const read = place('three');
    const before = await read.onHost();
    for (const command of ['list', 'verify']) {
      assert.equal((await run([command, 'disk', stores, '-b', 'three', '--nolog'])).code, 0);
    }
    assert.equal((await read.inBucket()).length, before.length);
  });

  it('is not a metric, foreign key or damage for any command', async () => {
    const { code, stdout } = await place('three').program('restore', '--json');
    assert.equal(code, 0);
    const { counts, notes } = JSON.parse(stdout);
    assert.deepEqual([counts.metrics, counts.foreignKeys, notes], [2, 0, []]);
    const verified = await run(['verify', 'disk', stores, '-b', 'three', '--nolog', '--json', '--read-data']);
    assert.equal(verified.code, 0, verified.stderr);
    assert.equal(JSON.parse(verified.stdout).counts.foreignKeys, 0);
  });

  it('contains failed metrics, and why a guard stopped', async () => {
    const { program, onHost, inBucket } = place('failed');
    const damaged = `${prefix}/damaged.wsp`;
    await writeFile(damaged, 'this is no Whisper file');
    const { code } = await program('backup');
    await rm(damaged);
    assert.equal(code, 3);
    const [record] = await onHost();
    assert.deepEqual([record.exitCode, record.summary.counts.failed, record.error], [3, 1, undefined]);
    assert.equal(record.summary.failed[0].metric, 'damaged');
    assert.deepEqual(await inBucket(), [record]);
  });

  it('contains the error that ended a run', async () => {
    const { program, onHost, inBucket } = place('ended');
    assert.equal((await program('backup')).code, 0);
    assert.equal((await program('backup', '-p', scratch.at('no-tree'))).code, 1);
    const [, ended] = await onHost();
    assert.deepEqual([ended.exitCode, ended.summary], [1, undefined]);
    assert.match(ended.error, /no-tree/);
    assert.deepEqual((await inBucket())[1], ended);
  });

  it('is written by a prune in the bucket of another machine, also if it failed, and takes no lock', async () => {
    const { program, onHost, inBucket } = place('pruned');
    assert.equal((await program('backup')).code, 0);
    const bucket = `${stores}/pruned/.whisper-backup`;
    await writeFile(`${bucket}/owner.json`, JSON.stringify({ machineId: 'other', host: 'web01', since: '2026' }));
    assert.equal((await program('prune', '-n')).code, 0);
    const lock = await acquireRunLock(scratch.at('lock-pruned'), { timeout: 1, signal: AbortSignal.timeout(60_000) });
    const { code, stdout, stderr } = await program('prune', '--json').finally(() => lock.release());
    assert.equal(code, 0, stderr);
    await mkdir(`${bucket}/holds`);
    await writeFile(`${bucket}/holds/damaged.json`, '');
    assert.equal((await program('prune', '-m', 'servers.*')).code, 1);
    const [, pruned, failed] = await inBucket();
    assert.deepEqual((await onHost()).slice(1), [pruned, failed]);
    assert.deepEqual([pruned.command, pruned.summary, pruned.partial], ['prune', JSON.parse(stdout), []]);
    assert.deepEqual([failed.exitCode, failed.partial], [1, ['--metrics']]);
    assert.match(failed.error, /hold/);
    const status = await run(['status', 'disk', stores, '-b', 'pruned', '--bucket-records', '--json', '--nolog']);
    const { prune, state } = JSON.parse(status.stdout);
    assert.deepEqual([state, prune.finished, prune.exitCode, prune.deleted], ['ok', pruned.finished, 0, 0]);
  });

  it("is not written to a bucket that is missing, or is not this machine's", async () => {
    const missing = place('missing');
    assert.equal((await missing.program('restore')).code, 10);
    assert.deepEqual(
      (await missing.onHost()).map(({ exitCode }) => exitCode),
      [10],
    );
    await assert.rejects(readdir(`${stores}/missing`), /ENOENT/);

    const foreign = place('foreign');
    const own = `${stores}/foreign/.whisper-backup`;
    await mkdir(own, { recursive: true });
    await writeFile(`${own}/owner.json`, '{"machineId":"another","host":"web02","since":""}\n');
    const { code, stderr } = await foreign.program('backup');
    assert.equal(code, 1, stderr);
    assert.equal((await foreign.onHost()).length, 1);
    assert.deepEqual(await foreign.inBucket(), []);
  });

  it('is only written on the host if another run holds the lock, and not at all after wrong usage', async () => {
    const { program, onHost, inBucket, state } = place('usage');
    assert.equal((await program('backup', '--gzip-engine', 'isal', '--gzip-level', '12')).code, 2);
    assert.deepEqual(await readdir(`${state}/runs`), []);
    const lock = await acquireRunLock(scratch.at('lock-usage'), { timeout: 5 });
    try {
      assert.equal((await program('backup', '--locktimeout', '0.1')).code, 11);
    } finally {
      await lock.release();
    }
    assert.deepEqual(
      (await onHost()).map(({ exitCode }) => exitCode),
      [11],
    );
    assert.deepEqual(await inBucket(), []);
  });

  it('contains its bucket, and the options that made it a partial backup', async () => {
    const { program, onHost } = place('named');
    const configured = { WHISPER_BACKUP_STORAGE: 'disk', WHISPER_BACKUP_STORAGE_ARGS: stores };
    const ran: [readonly string[], readonly string[]][] = [
      [['-m', '*'], []],
      [
        ['-m', '*.cpu', '--exclude', 'x'],
        ['--metrics', '--exclude'],
      ],
    ];
    for (const [typed] of ran) assert.equal((await program('backup', ...typed)).code, 0);
    assert.equal((await program('restore', '-m', '*.cpu')).code, 0);
    const records = await onHost();
    assert.deepEqual(
      records.map(({ partial }) => partial),
      [...ran.map(([, partial]) => partial), []],
    );
    for (const { bucket } of records) assert.equal(bucket, `disk:${stores}/named`);

    // Where the host is set up, another bucket or tree is not its backup; the same one, typed, is.
    const own = place('set-up');
    const env = { ...configured, WHISPER_BACKUP_BUCKET: 'set-up', WHISPER_BACKUP_PREFIX: prefix };
    const words = ['backup', '--nolog', '--nolock', '--state-dir', own.state, '--stampfile', scratch.at('stamp')];
    const other = await scratch.directory('other-tree');
    await plantTree(other, ['a.wsp']);
    const stamped = async () => (await stat(scratch.at('stamp')).catch(() => undefined)) !== undefined;
    for (const typed of [
      ['-b', 'set-up-2'],
      ['-b', 'set-up-3', '-p', other],
      ['-m', '*.cpu'],
      ['--storage-path', 'x'],
    ]) {
      assert.equal((await run([...words, ...typed, '--create'], { env })).code, 0);
      assert.equal(await stamped(), false, typed.join(' '));
    }
    assert.equal(
      (await run([...words, '-b', 'set-up', '-p', `${prefix}/`, 'disk', `path=${stores}`], { env })).code,
      0,
    );
    assert.equal(await stamped(), true);
    assert.deepEqual(
      (await own.onHost()).map(({ partial }) => partial),
      [['--bucket'], ['--bucket', '--prefix'], ['--metrics'], ['--bucket'], []],
    );
  });

  it('of a restore does not touch the stamp of the last backup', async () => {
    const { program } = place('three');
    const stamp = scratch.at('restore-stamp');
    assert.equal(
      (
        await run([
          'restore',
          'disk',
          stores,
          '-b',
          'three',
          '-p',
          prefix,
          '--nolog',
          '--stampfile',
          stamp,
          '--state-dir',
          scratch.at('state-three'),
        ])
      ).code,
      0,
    );
    await assert.rejects(stat(stamp), /ENOENT/);
    assert.equal((await program('restore')).code, 0);
  });

  it('is written if the configuration is wrong, but not if the command line is', async () => {
    const state = scratch.at('state-wrong');
    const env = (settings: Record<string, string>) => ({
      ...{ WHISPER_BACKUP_STATE_DIR: state, WHISPER_BACKUP_PREFIX: prefix, WHISPER_BACKUP_NOLOCK: '1' },
      ...{ ST_AUTH: 'swift.example.org', ST_USER: 'a:b', ST_KEY: 'c', ...settings },
    });
    const wrong: readonly [readonly string[], Record<string, string>, number][] = [
      [['backup'], { WHISPER_BACKUP_STORAGE: 'swift' }, 1],
      [['backup', 'swift'], {}, 2],
      [
        ['backup', '--quiet'],
        { WHISPER_BACKUP_STORAGE: 'swift', WHISPER_BACKUP_BUCKET: 'a/b', ST_AUTH: 'http://h' },
        3,
      ],
      [['backup', 'swift', '-b', 'a/b'], { ST_AUTH: 'http://h' }, 3],
    ];
    for (const [args, settings, records] of wrong) {
      const { code, stderr } = await run([...args, '--nolog', '--nostamp'], { env: env(settings) });
      assert.equal(code, 2, stderr);
      assert.equal((await recordsIn(`${state}/runs`)).length, records, `${args.join(' ')}: ${stderr}`);
    }
  });

  it('is written by an interrupted run', async () => {
    const { args, onHost, inBucket, program } = place('interrupted');
    assert.equal((await program('backup')).code, 0);
    await plantTree(prefix, ['locked.wsp']);
    {
      await using _ = await lockByPython(`${prefix}/locked.wsp`, 'LOCK_EX');
      const started = start(['backup', 'disk', stores, ...args, '--debug', '--file-lock-timeout', '60']);
      await started.shown('Taking the run lock');
      await new Promise((resolve) => setTimeout(resolve, 1500));
      started.kill('SIGTERM');
      const { code, stderr } = await started.ended;
      assert.equal(code, 143, stderr);
    }
    await rm(`${prefix}/locked.wsp`);
    const [, record] = await onHost();
    assert.deepEqual([record.exitCode, record.error, record.summary], [143, 'Interrupted by SIGTERM', undefined]);
    assert.deepEqual((await inBucket())[1], record);
  });

  it('causes a warning if the bucket rejects it', async () => {
    const { program, onHost } = place('refused');
    assert.equal((await program('backup')).code, 0);
    await rm(`${stores}/refused/.whisper-backup/runs`, { recursive: true });
    await writeFile(`${stores}/refused/.whisper-backup/runs`, '');
    const bucket = await program('backup');
    assert.equal(bucket.code, 0, bucket.stderr);
    assert.match(bucket.stderr, /warning: Cannot write the record of this run to disk:/);
    assert.equal((await onHost()).length, 2);
  });

  it('is one of 30 on the host, and of slightly more in the bucket', async () => {
    const { program, state, onHost } = place('many');
    const store = createDiskStore({ path: `${stores}/many` });
    await store.open({ create: true });
    await mkdir(`${state}/runs`, { recursive: true });
    for (let day = 1; day <= 30; day++) {
      const name = `2026-01-${String(day).padStart(2, '0')}T03:00:00+00:00.json`;
      await writeFile(`${state}/runs/${name}`, '{}');
      await store.put(`.whisper-backup/runs/${name}`, new TextEncoder().encode('{}'));
    }
    for (let day = 1; day <= 10; day++) {
      await store.put(
        `.whisper-backup/runs/2025-01-${String(day).padStart(2, '0')}T03:00:00+00:00.json`,
        new Uint8Array(2),
      );
    }
    await store.close();
    assert.equal((await program('backup')).code, 0);
    assert.equal((await onHost()).length, 30);
    const names = (await readdir(`${stores}/many/.whisper-backup/runs`)).sort();
    assert.equal(names.length, 30);
    assert.equal(names[0], '2026-01-02T03:00:00+00:00.json');
  });

  it('can be written by the service after a manual run by root', async () => {
    const { state, program } = place('owner');
    await mkdir(state);
    if (isRoot) await chown(state, 1234, 1235);
    assert.equal((await program('backup')).code, 0);
    const { uid, gid } = await stat(state);
    const runs = await stat(`${state}/runs`);
    assert.deepEqual([runs.uid, runs.gid], [uid, gid]);
  });
});
