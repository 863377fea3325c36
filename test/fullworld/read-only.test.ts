import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { exitCodeOfSummary, exitCodes } from '../../scripts/cli/run/exit-code.ts';
import { delegate } from '../fixtures/delegate.ts';
import { backUp, codesOf, restoreTree, verifyAll } from '../fixtures/operations.ts';
import { reportReliability } from '../fixtures/reliability.ts';
import { runProgram, unprivileged } from '../fixtures/runtime.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { Tmpfs } from '../fixtures/tmpfs.ts';
import { contents, plantTree, readTree } from '../fixtures/tree.ts';
import { plantNoisy } from './noisy.ts';

const METRICS = 12;
const READ_ONLY = /the file system is read-only; mount it read-write \(EROFS\)$/;

describe('a disk store that turns read-only', () => {
  it('during a backup: stored objects stay, other metrics are reported, and the next run stores them', async (t) => {
    await using scratch = await createScratch();
    using disk = new Tmpfs(scratch.at('disk'), 'size=2M');
    const store = createDiskStore({ path: disk.at('bucket') });
    await plantNoisy(scratch.at('tree'), METRICS);
    await backUp(store, scratch.at('tree'));
    const before = contents(await readTree(disk.at('bucket')));
    const young = await plantNoisy(scratch.at('tree'), METRICS, 1);
    let done = 0;
    let last = Promise.resolve();
    const failing = delegate(store, {
      // Sequentially, because a file system cannot be remounted while a file is being written.
      put(key, body, options) {
        const put = last.then(() => store.put(key, body, options));
        last = put.then(
          () => (++done === 5 ? disk.makeReadOnly() : undefined),
          () => {},
        );
        return put;
      },
    });
    const summary = await backUp(failing, scratch.at('tree'), { retention: 1, purge: 0 });
    assert.equal(exitCodeOfSummary(summary), exitCodes.someFailed);
    const stored = summary.counts['stored'] ?? 0;
    assert.ok(stored > 0 && stored < METRICS, `${stored}`);
    for (const { reason } of summary.failed) assert.match(reason, READ_ONLY);
    assert.deepEqual([summary.counts['retired'], summary.counts['deleted']], [stored, 0]);
    const after = contents(await readTree(disk.at('bucket')));
    for (const [key, content] of Object.entries(before)) assert.equal(after[key], content, key);
    assert.deepEqual((await verifyAll(store, { readData: true })).damaged, []);

    disk.makeWritable();
    const again = await backUp(store, scratch.at('tree'), { retention: 1, purge: 0 });
    assert.deepEqual([again.failed, again.counts['stored']], [[], METRICS - stored]);
    await restoreTree(store, scratch.at('restored'));
    assert.deepEqual(contents(await readTree(scratch.at('restored'))), contents(young));
    await store.close();
    reportReliability(t, 'read-only', { runs: 4, refused: summary.failed.length });
  });

  it('before retention: every backup stays, and each that should have expired is reported', async (t) => {
    await using scratch = await createScratch();
    using disk = new Tmpfs(scratch.at('disk'), 'size=2M');
    const store = createDiskStore({ path: disk.at('bucket') });
    await plantNoisy(scratch.at('tree'), METRICS);
    await backUp(store, scratch.at('tree'));
    await plantNoisy(scratch.at('tree'), METRICS, 1);
    const failing = delegate(store, {
      async delete(keys, options) {
        await disk.makeReadOnly();
        return store.delete(keys, options);
      },
    });
    const summary = await backUp(failing, scratch.at('tree'), { retention: 1 });
    assert.equal(exitCodeOfSummary(summary), exitCodes.someFailed);
    assert.deepEqual([summary.failed.length, summary.counts['deleted']], [METRICS, 0]);
    for (const { code, reason } of summary.failed) {
      assert.equal(code, 'DELETE_FAILED');
      assert.match(reason, READ_ONLY);
    }
    const verified = await verifyAll(store, { readData: true });
    assert.deepEqual([verified.damaged, verified.counts['backups']], [[], 2 * METRICS]);

    disk.makeWritable();
    assert.equal((await backUp(store, scratch.at('tree'), { retention: 1 })).counts['deleted'], METRICS);
    await store.close();
    reportReliability(t, 'read-only', { runs: 4, refused: METRICS });
  });

  it('from the start: a backup stops with the reason; list, verify and restore work', async (t) => {
    await using scratch = await createScratch();
    using disk = new Tmpfs(scratch.at('disk'), 'size=2M');
    const tree = await plantTree(scratch.at('tree'), ['a.wsp', 'b/c.wsp']);
    const storage = ['-b', 'b', 'disk', disk.path];
    assert.equal((await runProgram(['-p', scratch.at('tree'), 'backup', ...storage])).code, 0);
    await disk.makeReadOnly();
    for (const [bucket, says] of [
      ['b', /^error: Cannot use disk:.*: the file system is read-only; mount it read-write \(EROFS\)$/m],
      ['new', /^error: Cannot use disk:.*: the file system is read-only; mount it read-write \(EROFS\)$/m],
    ] as const) {
      const refused = await runProgram(['-p', scratch.at('tree'), '-b', bucket, 'backup', 'disk', disk.path]);
      assert.equal(refused.code, 1, refused.stderr);
      assert.match(refused.stderr, says);
    }
    await rm(scratch.at('tree', 'a.wsp'));
    const purged = await runProgram(['--json', '-p', scratch.at('tree'), '--purge', '0', 'purge', ...storage]);
    assert.equal(purged.code, 3, purged.stderr);
    const { failed, counts } = JSON.parse(purged.stdout);
    assert.deepEqual([codesOf(failed), counts.deleted], [{ a: 'DELETE_FAILED' }, 0]);
    assert.match(failed[0].reason, READ_ONLY);
    assert.equal((await runProgram(['list', ...storage])).stdout.trimEnd().split('\n').length, 2);
    assert.equal((await runProgram(['--read-data', 'verify', ...storage])).code, 0);
    assert.equal((await runProgram(['-p', scratch.at('restored'), 'restore', ...storage])).code, 0);
    assert.deepEqual(contents(await readTree(scratch.at('restored'))), contents(tree));
    reportReliability(t, 'read-only', { runs: 7, refused: 3 });
  });
});

describe('a user without permissions', () => {
  it('who may read a bucket but not write it: a backup exits with 12, and restores work', async (t) => {
    await using scratch = await createScratch();
    const tree = await plantTree(scratch.at('tree'), ['a.wsp', 'b/c.wsp']);
    const storage = ['-b', 'b', 'disk', await scratch.directory('store')];
    assert.equal((await runProgram(['-p', scratch.at('tree'), 'backup', ...storage])).code, 0);
    const before = contents(await readTree(scratch.at('store')));
    await plantTree(scratch.at('tree'), ['new.wsp', 'a.wsp', 'b/c.wsp']);
    const as = { wrap: unprivileged };
    await rm(scratch.at('tree', 'a.wsp'));
    const options = ['--json', '-p', scratch.at('tree'), '--purge', '0'];
    const refused = await runProgram([...options, 'backup', ...storage], as);
    assert.equal(refused.code, 12, refused.stderr);
    assert.match(refused.stderr, /^error: Cannot use disk:.*store\/b: permission denied/m);
    // Only due backups are reported, because nothing else would be deleted.
    const purged = await runProgram([...options, 'purge', ...storage], as);
    assert.equal(purged.code, 3, purged.stderr);
    assert.deepEqual(codesOf(JSON.parse(purged.stdout).failed), { a: 'DELETE_FAILED' });
    assert.deepEqual(contents(await readTree(scratch.at('store'))), before);
    const home = await scratch.directory('home');
    chmodSync(home, 0o777);
    assert.equal((await runProgram(['--read-data', 'verify', ...storage], as)).code, 0);
    assert.equal((await runProgram(['-p', `${home}/tree`, 'restore', ...storage], as)).code, 0);
    assert.deepEqual(contents(await readTree(`${home}/tree`)), contents(tree));
    // Nor to the tree: it does not change, and each metric is reported with the remedy.
    const restore = ['--json', '-p', scratch.at('tree'), 'restore', ...storage];
    const readOnly = await runProgram(restore, as);
    assert.equal(readOnly.code, 3, readOnly.stderr);
    const { failed } = JSON.parse(readOnly.stdout);
    assert.ok(failed.length > 0);
    for (const { code, reason } of failed) {
      assert.equal(code, 'EACCES');
      assert.match(reason, /^Cannot .*\/tree\/.*\.wsp: permission denied/);
    }
    // What would be replaced cannot be stored before.
    const overwriting = await runProgram([...restore, '--overwrite'], as);
    assert.equal(overwriting.code, 12, overwriting.stderr);
    assert.match(
      overwriting.stderr,
      /permission denied .*nothing was replaced\. Solve this, and run the restore again/,
    );
    reportReliability(t, 'read-only', { runs: 7, refused: 4 });
  });

  it('who may not read a directory: nothing below it is missing, and a backup reports it', async (t) => {
    await using scratch = await createScratch();
    const tree = await plantTree(scratch.at('tree'), ['a.wsp', 'closed/b.wsp', 'closed/c.wsp']);
    const bucket = await scratch.directory('store');
    chmodSync(bucket, 0o777);
    const as = { wrap: unprivileged };
    const options = [
      '-p',
      scratch.at('tree'),
      '--purge',
      '0',
      '--purge-share',
      '100',
      '-b',
      'b',
      'backup',
      'disk',
      bucket,
    ];
    assert.equal((await runProgram(options, as)).code, 0);
    chmodSync(scratch.at('tree', 'closed'), 0o700);
    for (let run = 0; run < 2; run++) {
      const blind = await runProgram(['--json', ...options], as);
      assert.equal(blind.code, 3, blind.stderr);
      const { counts, failed } = JSON.parse(blind.stdout);
      assert.deepEqual([counts.tombstones, counts.purged, counts.deleted], [0, 0, 0]);
      assert.equal(failed.length, 1);
      assert.match(failed[0].reason, /tree\/closed/);
    }
    assert.equal((await runProgram(['-p', scratch.at('restored'), '-b', 'b', 'restore', 'disk', bucket])).code, 0);
    assert.deepEqual(contents(await readTree(scratch.at('restored'))), contents(tree));
    reportReliability(t, 'read-only', { runs: 4, refused: 2 });
  });
});
