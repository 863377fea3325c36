import assert from 'node:assert/strict';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { InvalidOptionError } from '../../../lib/common/errors.ts';
import { checkNoOverlap } from '../../../lib/operations/shared/overlap.ts';
import { withDryRun } from '../../../lib/store/decorators/dry-run.ts';
import { withRetry } from '../../../lib/store/decorators/retry.ts';
import { createDiskStore } from '../../../lib/store/drivers/disk/disk.ts';
import { overlapOf } from '../../../lib/system/overlap.ts';
import { plantMetrics } from '../../fixtures/metric.ts';
import { backUp, purgeGone, restoreTree } from '../../fixtures/operations.ts';
import { isRoot } from '../../fixtures/runtime.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';
import { sh } from '../../fixtures/sh.ts';
import { createMemoryStore } from '../../store/memory-store.ts';

/** Whether a bucket there and a tree there are refused, and how. */
async function refusal(bucket: string, prefix: string): Promise<string | undefined> {
  try {
    await checkNoOverlap(createDiskStore({ path: bucket }), prefix);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof InvalidOptionError);
    return /the bucket (.*) the Whisper tree/.exec(error.message)?.[1];
  }
}

describe('a bucket and a tree', () => {
  it('are rejected if and only if they are the same directory or one is inside the other', async () => {
    await using scratch = await createScratch();
    const tree = await scratch.directory('tree');
    await scratch.directory('tree', 'below');
    await scratch.directory('tree2');
    assert.equal(await refusal(tree, tree), 'is the same directory as');
    assert.equal(await refusal(scratch.at('tree', 'below'), `${tree}/`), 'is inside');
    assert.equal(await refusal(scratch.path, tree), 'contains');
    assert.equal(await refusal(scratch.at('tree2'), tree), undefined);
    // Before the first backup, or a restore to a new host, one of them is missing.
    assert.equal(await refusal(scratch.at('tree', 'new', 'bucket'), tree), 'is inside');
    assert.equal(await refusal(scratch.path, scratch.at('new', 'tree')), 'contains');
    assert.equal(await refusal(scratch.at('new'), tree), undefined);
    await checkNoOverlap(createMemoryStore(), tree);
  });

  it('are rejected through symbolic links', async () => {
    await using scratch = await createScratch();
    const tree = await scratch.directory('tree');
    await symlink(tree, scratch.at('link'));
    assert.equal(await refusal(scratch.at('link'), tree), 'is the same directory as');
    assert.equal(await refusal(scratch.at('link', 'new'), tree), 'is inside');
    assert.equal(await refusal(tree, scratch.at('link')), 'is the same directory as');
    await symlink(scratch.path, scratch.at('up'));
    assert.equal(await refusal(scratch.at('up'), tree), 'contains');
  });

  /** Bind-mounts a directory during the task. */
  async function mounted(scratch: Scratch, from: string, task: (at: string) => Promise<void>): Promise<void> {
    const at = await scratch.directory('mount point');
    sh`mount --bind ${from} ${at}`;
    try {
      await task(at);
    } finally {
      sh`umount ${at}`;
    }
  }

  it('are rejected through bind mounts, also of a directory inside the tree', async (t) => {
    if (!isRoot) return t.skip('mounts need root');
    await using scratch = await createScratch();
    const tree = await scratch.directory('tree');
    const below = await scratch.directory('tree', 'below');
    await mounted(scratch, tree, async (at) => {
      assert.equal(await refusal(at, tree), 'is the same directory as');
      assert.equal(await refusal(`${at}/new`, tree), 'is inside');
    });
    await mounted(scratch, below, async (at) => {
      assert.equal(await refusal(at, tree), 'is inside');
      assert.equal(await refusal(`${at}/new`, tree), 'is inside');
      assert.equal(await refusal(tree, at), 'contains');
    });
    await mounted(scratch, await scratch.directory('other'), async (at) => {
      assert.equal(await refusal(at, tree), undefined);
    });
  });

  it('are accepted as two NFS mounts of one export, which share a device and report no root', async () => {
    await using scratch = await createScratch();
    const [tree, bucket] = [await scratch.directory('tree'), await scratch.directory('bucket')];
    const mountinfo = (type: string) =>
      [tree, bucket].map((at, i) => `${i} 1 0:52 / ${at} rw shared:1 - ${type} filer:/vol/${i} rw\n`).join('');
    assert.equal(await overlapOf(bucket, tree, mountinfo('ext4')), 'same');
    for (const type of ['nfs', 'nfs4']) {
      assert.equal(await overlapOf(bucket, tree, mountinfo(type)), undefined);
      assert.equal(await overlapOf(`${tree}/new`, tree, mountinfo(type)), 'inside');
    }
  });

  it('are rejected by every command that writes, also in a dry run, before anything is written', async () => {
    await using scratch = await createScratch();
    const tree = scratch.at('tree');
    await plantMetrics(tree, ['a']);
    await mkdir(scratch.at('tree', 'bucket'));
    const store = () => withRetry(createDiskStore({ path: scratch.at('tree', 'bucket') }));
    for (const command of [backUp, purgeGone, restoreTree]) {
      await assert.rejects(command(store(), tree), InvalidOptionError);
      await assert.rejects(command(withDryRun(store()), tree, { dryRun: true }), InvalidOptionError);
    }
    assert.deepEqual(await readdir(scratch.at('tree', 'bucket')), []);
  });
});
