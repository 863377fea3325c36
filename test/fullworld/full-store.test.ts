import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { reportReliability } from '../fixtures/reliability.ts';
import { runProgram } from '../fixtures/runtime.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { Tmpfs } from '../fixtures/tmpfs.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { plantNoisy } from './noisy.ts';

const METRICS = 20;

describe('a disk store that is full', () => {
  it('stores nothing, loses nothing, reports each metric with the remedy, and continues once there is space', async (t) => {
    await using scratch = await createScratch();
    using disk = new Tmpfs(scratch.at('disk'), 'size=2M');
    const prefix = scratch.at('tree');
    const storage = ['-b', 'b', 'disk', disk.path];
    const backUp = () => runProgram(['--json', '-p', prefix, '--retention', '1', '--purge', '0', 'backup', ...storage]);
    await plantNoisy(prefix, METRICS);
    assert.equal((await backUp()).code, 0);
    const before = contents(await readTree(disk.at('b')));
    await plantNoisy(prefix, METRICS, 1);
    disk.fill();

    const { code, stdout, stderr } = await backUp();
    assert.equal(code, 3, stderr);
    const summary = JSON.parse(stdout);
    assert.equal(summary.failed.length, METRICS);
    for (const { metric, code, reason } of summary.failed) {
      assert.equal(code, 'PERMANENT');
      assert.ok(reason.startsWith(`Cannot store "${metric}/`), reason);
      assert.match(reason, /no space left on the file system; free some, or keep fewer backups \(ENOSPC\)$/);
    }
    assert.match(stderr, /no space left on the file system; free some/);
    assert.deepEqual([summary.counts.retired, summary.counts.deleted], [0, 0]);
    assert.deepEqual(contents(await readTree(disk.at('b'))), before);

    disk.empty();
    const again = await backUp();
    assert.equal(again.code, 0, again.stderr);
    assert.equal(JSON.parse(again.stdout).counts.retired, METRICS);
    reportReliability(t, 'full-disk', { runs: 3, refused: METRICS });
  });

  it('that fills up during a backup: stored backups are complete, and old ones of other metrics stay', async (t) => {
    await using scratch = await createScratch();
    using disk = new Tmpfs(scratch.at('disk'), 'size=2M');
    const prefix = scratch.at('tree');
    const storage = ['-b', 'b', 'disk', disk.path];
    const options = ['--json', '-p', prefix, '--retention', '1', '-f', '2', 'backup', ...storage];
    const old = await plantNoisy(prefix, METRICS);
    assert.equal((await runProgram(options)).code, 0);
    const before = contents(await readTree(disk.at('b')));
    const young = await plantNoisy(prefix, METRICS, 1);
    disk.fill(64 * 1024);

    const { code, stdout, stderr } = await runProgram(options);
    assert.equal(code, 3, stderr);
    const { counts, failed } = JSON.parse(stdout);
    assert.ok(counts.stored > 0 && counts.failed > 0, stdout);
    assert.equal(counts.stored + counts.failed, METRICS);
    assert.equal(counts.retired, counts.stored);
    const failing = new Set(failed.map(({ metric }: { metric: string }) => `${metric.replaceAll('.', '/')}.wsp`));

    const restored = scratch.at('restored');
    assert.equal((await runProgram(['-p', restored, 'restore', ...storage])).code, 0);
    const expected = new Map([...young].map(([name, bytes]) => [name, failing.has(name) ? old.get(name) : bytes]));
    assert.deepEqual(contents(await readTree(restored)), contents(expected as Map<string, Uint8Array>));
    const after = contents(await readTree(disk.at('b')));
    for (const [key, content] of Object.entries(before))
      if (failing.has(`${key.split('/')[0]?.replaceAll('.', '/')}.wsp`)) assert.equal(after[key], content, key);
    assert.deepEqual(
      Object.keys(after).filter((key) => key.startsWith('.whisper-backup/tmp/')),
      [],
    );
    const verified = await runProgram(['--read-data', 'verify', ...storage]);
    assert.equal(verified.code, 0, verified.stderr);
    reportReliability(t, 'full-disk', { runs: 4, refused: counts.failed });
  });

  it('stops a first backup with the remedy', async (t) => {
    await using scratch = await createScratch();
    await plantNoisy(scratch.at('tree'), 1);
    for (const options of ['size=64k', 'size=64k,nr_inodes=2']) {
      using disk = new Tmpfs(scratch.at('disk'), options);
      disk.fill();
      const run = await runProgram(['-p', scratch.at('tree'), '-b', 'b', 'backup', 'disk', disk.at('deep')]);
      assert.equal(run.code, 1, run.stderr);
      assert.match(run.stderr, /^error: Cannot .*disk.*: no space left on the file system; free some/);
      reportReliability(t, 'full-disk', { runs: 1 });
    }
  });

  it('can be purged to free space', async (t) => {
    await using scratch = await createScratch();
    using disk = new Tmpfs(scratch.at('disk'), 'size=2M');
    const prefix = scratch.at('tree');
    await plantNoisy(prefix, METRICS);
    const storage = ['-b', 'b', 'disk', disk.path];
    assert.equal((await runProgram(['-p', prefix, 'backup', ...storage])).code, 0);
    await rename(prefix, scratch.at('whole'));
    await plantNoisy(prefix, METRICS - 3);
    disk.fill();
    const purged = await runProgram(['--json', '-p', prefix, '--purge', '0', 'purge', ...storage]);
    assert.equal(purged.code, 0, purged.stderr);
    assert.equal(JSON.parse(purged.stdout).counts.purged, 3);
    reportReliability(t, 'full-disk', { runs: 2 });
  });
});
