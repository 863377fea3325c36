import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { Summary } from '../../lib/common/summary.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { backUp, codesOf, restoreTree } from '../fixtures/operations.ts';
import { reportReliability } from '../fixtures/reliability.ts';
import { runProgram } from '../fixtures/runtime.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { Tmpfs } from '../fixtures/tmpfs.ts';
import { contents, plant, plantTree, readTree } from '../fixtures/tree.ts';
import { noisyFile, plantNoisy } from './noisy.ts';

const METRICS = 20;
const NO_ROOM = /no space left on the file system: free some, and restore again; restored files are kept \(ENOSPC\)$/;

describe('a tree on a disk that is full', () => {
  it('that fills up during a restore: restored files are complete, existing ones unchanged, nothing else is left', async (t) => {
    await using scratch = await createScratch();
    using disk = new Tmpfs(scratch.at('disk'), 'size=256k,nr_inodes=200');
    const whole = await plantNoisy(scratch.at('tree'), METRICS);
    const storage = ['-b', 'b', 'disk', scratch.at('store')];
    assert.equal((await runProgram(['-p', scratch.at('tree'), 'backup', ...storage])).code, 0);
    const there = await plantTree(disk.at('tree'), ['other/a.wsp', 'host1/other.wsp', 'top.wsp']);
    const [same = '', ...rest] = whole.keys();
    await plant(disk.at('tree'), same, whole.get(same) ?? new Uint8Array());
    disk.fill(70_000);

    for (const overwrite of [[], ['--overwrite']]) {
      const { code, stdout, stderr } = await runProgram([
        ...['--json', '-p', disk.at('tree'), '-f', '2', ...overwrite, 'restore', ...storage],
      ]);
      assert.equal(code, 3, stderr);
      const summary: Summary = JSON.parse(stdout);
      const failed = summary.failed.map(({ metric, code, reason }) => {
        const name = `${metric.replaceAll('.', '/')}.wsp`;
        assert.equal(code, 'ENOSPC');
        assert.ok(reason.startsWith(`Cannot restore ${disk.at('tree', name)}: `), reason);
        assert.match(reason, NO_ROOM);
        return name;
      });
      assert.ok(failed.length > 0 && failed.length < rest.length, stdout);
      const expected = new Map([...there, ...whole].filter(([name]) => !failed.includes(name)));
      assert.deepEqual(contents(await readTree(disk.at('tree'))), contents(expected));
      reportReliability(t, 'full-disk', { runs: 1, refused: failed.length });
    }

    disk.empty();
    assert.equal((await runProgram(['-p', disk.at('tree'), 'restore', ...storage])).code, 0);
    assert.deepEqual(contents(await readTree(disk.at('tree'))), contents(new Map([...there, ...whole])));
    reportReliability(t, 'full-disk', { runs: 2 });
  });

  it('without space for the tree itself: stops with the remedy', async (t) => {
    await using scratch = await createScratch();
    await plantNoisy(scratch.at('tree'), 1);
    const storage = ['-b', 'b', 'disk', scratch.at('store')];
    assert.equal((await runProgram(['-p', scratch.at('tree'), 'backup', ...storage])).code, 0);
    using disk = new Tmpfs(scratch.at('disk'), 'nr_inodes=1');
    const full = await runProgram(['-p', disk.at('tree'), 'restore', ...storage]);
    assert.equal(full.code, 1);
    assert.match(full.stderr, /^error: Cannot make .*disk\/tree: no space left on the file system: free some/);
    await disk.makeReadOnly();
    const readOnly = await runProgram(['-p', disk.at('tree'), 'restore', ...storage]);
    assert.equal(readOnly.code, 1);
    assert.match(
      readOnly.stderr,
      /^error: Cannot make .*disk\/tree: the file system is read-only: mount it read-write/,
    );
    reportReliability(t, 'full-disk', { runs: 3 });
  });

  it('keeps a damaged file in place if there is no space for the sound one', async (t) => {
    await using scratch = await createScratch();
    const whole = await plantTree(scratch.at('tree'), ['m.wsp']);
    const store = createDiskStore({ path: scratch.at('bucket') });
    await backUp(store, scratch.at('tree'));
    // Space for the new file, but not for another name of the damaged one: a tmpfs counts names.
    using disk = new Tmpfs(scratch.at('disk'), 'nr_inodes=3');
    const damaged = new TextEncoder().encode('damaged');
    await plant(disk.path, 'm.wsp', damaged);
    const { failed } = await restoreTree(store, disk.path, { replaceDamaged: true });
    assert.deepEqual(codesOf(failed), { m: 'ENOSPC' });
    assert.deepEqual(contents(await readTree(disk.path)), contents(new Map([['m.wsp', damaged]])));
    await store.close();
    assert.equal(whole.size, 1);
    reportReliability(t, 'full-disk', { runs: 2, refused: 1 });
  });

  it('fills as much as fits into a sparse file, and keeps every existing point', async (t) => {
    await using scratch = await createScratch();
    using disk = new Tmpfs(scratch.at('disk'), 'size=128k');
    const file = disk.at('tree', 'm.wsp');
    await plant(scratch.at('tree'), 'm.wsp', noisyFile(1));
    const store = createDiskStore({ path: scratch.at('bucket') });
    await backUp(store, scratch.at('tree'));
    // A header followed by a hole, as carbon creates it with WHISPER_SPARSE_CREATE.
    const bytes = createWhisper([{ secondsPerPoint: 60, points: 600 }]);
    await plant(disk.at('tree'), 'm.wsp', bytes.subarray(0, 28));
    truncateSync(file, bytes.length);
    disk.fill();
    const { failed } = await restoreTree(store, disk.at('tree'));
    assert.deepEqual(codesOf(failed), { m: 'ENOSPC' });
    assert.match(failed[0]?.reason ?? '', NO_ROOM);
    disk.empty();
    assert.equal((await restoreTree(store, disk.at('tree'))).counts['backfilled'], 1);
    const points = (data: Uint8Array) => data.subarray(28 + 12);
    assert.equal(points(new Uint8Array(await readFile(file))).length, points(noisyFile(1)).length);
    await store.close();
    reportReliability(t, 'full-disk', { runs: 3, refused: 1 });
  });
});
