import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { silent } from '../../lib/common/report.ts';
import { drill } from '../../lib/operations/drill/drill.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { plantMetrics } from '../fixtures/metric.ts';
import { backUp, codesOf, listAll, purgeGone, restoreTree, verifyAll } from '../fixtures/operations.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { runAsNobody } from '../fixtures/unprivileged.ts';
import { createMemoryStore } from '../store/memory-store.ts';

const BELOW = ['servers/web01/cpu', 'servers/web01/load', 'servers/web02/cpu'];
const METRICS = ['carbon/agent', ...BELOW, 'servers'];

/** A tree whose `servers` was moved to another disk and linked back. */
async function plantLinked(scratch: Scratch): Promise<string> {
  const tree = scratch.at('tree');
  await plantMetrics(tree, METRICS);
  await mkdir(scratch.at('disk2'));
  await rename(scratch.at('tree', 'servers'), scratch.at('disk2', 'servers'));
  await symlink(scratch.at('disk2', 'servers'), scratch.at('tree', 'servers'));
  return tree;
}

describe('a directory that was moved to another disk and linked back', () => {
  it('is backed up, compared, drilled and restored through its link', async () => {
    await using scratch = await createScratch();
    const tree = await plantLinked(scratch);
    const before = contents(await readTree(scratch.at('disk2')));
    const store = createMemoryStore();
    const backedUp = await backUp(store, tree);
    assert.deepEqual([backedUp.counts['stored'], backedUp.counts['failed']], [METRICS.length, 0]);
    const metrics = (await listAll(store)).map(({ metric }) => metric);
    assert.deepEqual(metrics.toSorted(), METRICS.map((path) => path.replaceAll('/', '.')).toSorted());
    const verified = await verifyAll(store, { compare: { prefix: tree } });
    assert.equal(verified.counts['same'], METRICS.length);
    const rehearsed = await drill(store, {
      report: silent,
      prefix: tree,
      processes: 0,
      scratch: scratch.at('scratch'),
    });
    assert.deepEqual([rehearsed.counts['same'], rehearsed.counts['gone']], [METRICS.length, 0]);

    await rm(scratch.at('disk2', 'servers', 'web01'), { recursive: true });
    const compared = await verifyAll(store, { compare: { prefix: tree } });
    assert.deepEqual([compared.counts['same'], compared.counts['gone']], [METRICS.length - 2, 2]);
    const restored = await restoreTree(store, tree);
    assert.deepEqual([restored.counts['restored'], restored.counts['unchanged']], [2, METRICS.length - 2]);
    assert.deepEqual(contents(await readTree(scratch.at('disk2'))), before);
    assert.deepEqual((await readdir(tree)).sort(), ['carbon', 'servers', 'servers.wsp']);
  });

  it('loses no backup while that disk is not mounted: the link is reported, and nothing below it is missing', async () => {
    await using scratch = await createScratch();
    const tree = await plantLinked(scratch);
    const store = createMemoryStore();
    await backUp(store, tree);
    const stored = await listAll(store);
    await rename(scratch.at('disk2'), scratch.at('unmounted'));
    const named = { [`${tree}/servers`]: 'DANGLING_LINK' };
    for (let night = 0; night < 3; night++) {
      for (const run of [backUp, purgeGone]) {
        const summary = await run(store, tree, { purge: 0 });
        assert.deepEqual(codesOf(summary.failed), named);
        assert.deepEqual([summary.counts['tombstones'], summary.counts['purged']], [0, 0]);
        assert.deepEqual(summary.stopped, undefined);
      }
    }
    const verified = await verifyAll(store, { compare: { prefix: tree } });
    assert.deepEqual(codesOf(verified.failed), named);
    assert.deepEqual([verified.counts['unknown'], verified.counts['gone']], [BELOW.length, 0]);
    // Nothing is restored to where the disk would be.
    const restored = await restoreTree(store, tree);
    assert.deepEqual(codesOf(restored.failed), Object.fromEntries(stored.flatMap(dangling)));
    assert.deepEqual(await listAll(store), stored);

    await rename(scratch.at('unmounted'), scratch.at('disk2'));
    assert.equal((await backUp(store, tree, { purge: 0 })).counts['unchanged'], METRICS.length);
    // Without the link they are missing.
    await rm(scratch.at('tree', 'servers'));
    assert.equal((await backUp(store, tree, { purge: 0 })).counts['purged'], BELOW.length);
  });

  it('loses no backup while its link ends in .wsp and dangles', async () => {
    await using scratch = await createScratch();
    const tree = scratch.at('tree');
    await plantMetrics(tree, ['a', 'odd.wsp/b']);
    const store = createMemoryStore();
    await backUp(store, tree);
    await rename(scratch.at('tree', 'odd.wsp'), scratch.at('odd'));
    await symlink(scratch.at('unmounted'), scratch.at('tree', 'odd.wsp'));
    const summary = await backUp(store, tree, { purge: 0 });
    assert.deepEqual(codesOf(summary.failed), { odd: 'DANGLING_LINK' });
    assert.equal(summary.counts['tombstones'], 0);
  });

  function dangling({ metric }: { readonly metric: string }): [string, string][] {
    return metric.startsWith('servers.') ? [[metric, 'DANGLING_LINK']] : [];
  }
});

describe('an exclusion that names a directory', () => {
  it('excludes all metrics below it, and is not read', async () => {
    await using scratch = await createScratch();
    const tree = await scratch.directory('tree');
    await plantMetrics(tree, ['alive', 'lost+found/x', 'lost+founder/x']);
    await chmod(scratch.at('tree', 'lost+found'), 0o000);
    const path = await scratch.directory('bucket');
    await chmod(path, 0o777);
    const closed = await runAsNobody('backup', tree, path);
    assert.ok('failed' in closed);
    assert.deepEqual(codesOf(closed.failed), { [`${tree}/lost+found`]: 'EACCES' });
    const excluding = await runAsNobody('backup', tree, path, ['lost+found']);
    assert.ok('failed' in excluding);
    assert.deepEqual([excluding.failed, excluding.counts['metrics']], [[], 2]);
    // Root could read it.
    const store = createDiskStore({ path });
    const summary = await backUp(store, tree, { exclude: ['lost+found'] });
    await store.close();
    assert.deepEqual([summary.counts['metrics'], summary.counts['unchanged']], [2, 2]);
  });

  it('does not exclude metrics below the matches of a glob', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['servers/web01/cpu', 'servers/web01/cpu/idle']);
    const summary = await backUp(createMemoryStore(), scratch.path, { exclude: ['servers.*.cpu'] });
    assert.deepEqual([summary.counts['metrics'], summary.counts['stored']], [1, 1]);
  });
});
