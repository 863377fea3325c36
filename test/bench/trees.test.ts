import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { changeTenth } from '../../bench/trees/changes.ts';
import { makeManyBackups, makeManyMetrics } from '../../bench/trees/many-metrics.ts';
import { addPoints } from '../../bench/trees/new-points.ts';
import { LARGE_FILES, makeRealisticTree, realisticFile, SMALL_FILES } from '../../bench/trees/realistic-tree.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { backUp, listAll } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';

async function filesBelow(directory: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of (await readdir(directory, { recursive: true })).filter((path) => path.endsWith('.wsp')).sort()) {
    found.set(
      name,
      createHash('sha1')
        .update(await readFile(join(directory, name)))
        .digest('hex'),
    );
  }
  return found;
}

describe('the realistic tree', () => {
  it('is deterministic, with valid files of the declared size', async () => {
    await using scratch = await createScratch();
    const spec = { ...SMALL_FILES, files: 150 };
    makeRealisticTree(scratch.at('one'), spec);
    makeRealisticTree(scratch.at('two'), spec);
    const files = await filesBelow(scratch.at('one'));
    assert.equal(files.size, 150);
    assert.deepEqual(await filesBelow(scratch.at('two')), files);
    // Of a hundred hosts each has one file, and half of them a second one.
    assert.deepEqual(
      [...files.keys()].filter((name) => name.startsWith('servers/web0000/')),
      ['servers/web0000/cpu/total/idle.wsp', 'servers/web0000/cpu/total/user.wsp'],
    );
    const file = realisticFile(7, LARGE_FILES.archives);
    assert.equal(file.length, 990_772);
    assert.equal(parseHeader(file).archives.length, 3);
  });

  it('can be changed by a tenth, another one in each round, and files keep their size', async () => {
    await using scratch = await createScratch();
    makeRealisticTree(scratch.path, { ...SMALL_FILES, files: 30 });
    const states = [await filesBelow(scratch.path)];
    for (const round of [0, 1]) {
      assert.equal(changeTenth(scratch.path, 30, round), 3);
      states.push(await filesBelow(scratch.path));
    }
    const changed = [1, 2].map((n) =>
      [...(states[n] ?? [])].filter(([name, sha1]) => states[n - 1]?.get(name) !== sha1),
    );
    assert.deepEqual(
      changed.map((names) => names.length),
      [3, 3],
    );
    assert.equal(new Set(changed.flat().map(([name]) => name)).size, 6);
    for (const name of states[0]?.keys() ?? []) assert.equal((await stat(scratch.at(name))).size, 17_044);
  });
});

describe('new points', () => {
  it('are written in place into every file, a minute apart', async () => {
    await using scratch = await createScratch();
    const after = 1_763_780_400;
    makeRealisticTree(scratch.path, { ...SMALL_FILES, files: 40 }, after);
    const before = await filesBelow(scratch.path);
    const inode = async () => (await stat(scratch.at([...before.keys()][0] ?? ''))).ino;
    const earlier = await inode();
    const points = addPoints(scratch.path, { files: 40, after, minutes: 15 });
    // Two of twenty have gaps.
    assert.ok(points > 0.9 * 15 * 40 && points <= 15 * 40, String(points));
    assert.equal(await inode(), earlier);
    const now = await filesBelow(scratch.path);
    assert.deepEqual([...now.keys()], [...before.keys()]);
    for (const [name, sha1] of now) {
      assert.notEqual(sha1, before.get(name), name);
      assert.equal((await stat(scratch.at(name))).size, 17_044);
    }
  });
});

describe('the tree of many metrics', () => {
  for (const [what, options] of [
    ['small', {}],
    ['sparse', { sparseBytes: 100_000 }],
  ] as const) {
    it(`of ${what} files has a bucket in which a backup finds nothing to store`, async () => {
      await using scratch = await createScratch();
      makeManyMetrics(scratch.at('tree'), { metrics: 450, ...options });
      const newest = new Date('2026-11-21T03:14:15Z');
      await makeManyBackups(scratch.at('bucket'), { metrics: 450, backups: 5, newest, ...options });
      assert.deepEqual(await readdir(scratch.path), ['bucket', 'tree']);
      const store = createDiskStore({ path: scratch.at('bucket') });
      const stored = await listAll(store);
      assert.equal(stored.length, 450 * 5);
      const summary = await backUp(store, scratch.at('tree'));
      assert.deepEqual(
        [summary.counts['metrics'], summary.counts['unchanged'], summary.counts['failed']],
        [450, 450, 0],
      );
    });
  }
});
