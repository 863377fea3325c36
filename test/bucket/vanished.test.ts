import assert from 'node:assert/strict';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { BucketMemory } from '../../lib/bucket/vanished.ts';
import type { Report } from '../../lib/common/report.ts';
import { withDryRun } from '../../lib/store/decorators/dry-run.ts';
import { withRetry } from '../../lib/store/decorators/retry.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { plantMetrics } from '../fixtures/metric.ts';
import { backUp, machine, purgeGone, verifyAll } from '../fixtures/operations.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { createMemoryStore } from '../store/memory-store.ts';

class Memory implements BucketMemory {
  readonly buckets: string[] = [];
  load = async (): Promise<readonly string[]> => this.buckets;
  add = async (bucket: string): Promise<void> => void this.buckets.push(bucket);
}

/** A host with a tree, and a disk that may be mounted at `nas`. */
async function createHost(): Promise<{ scratch: Scratch; prefix: string; bucketMemory: Memory; nas: string }> {
  const scratch = await createScratch();
  await plantMetrics(scratch.at('tree'), ['a', 'b']);
  return { scratch, prefix: scratch.at('tree'), bucketMemory: new Memory(), nas: await scratch.directory('nas') };
}

const vanished = { code: 'BUCKET_VANISHED', message: /not mounted.*mistyped.*--create/s };

describe('a backup of a host that has backed up before', () => {
  it('rejects a missing bucket, writes nothing, and creates it with --create', async () => {
    const { scratch, nas, prefix, bucketMemory } = await createHost();
    await using _ = scratch;
    const store = () => createDiskStore({ path: `${nas}/b` });
    await backUp(store(), prefix, { bucketMemory });
    await rename(nas, scratch.at('unmounted'));
    await mkdir(nas);
    for (const options of [{}, { adopt: true, force: true }])
      await assert.rejects(backUp(store(), prefix, { bucketMemory, ...options }), vanished);
    await assert.rejects(backUp(withDryRun(store()), prefix, { bucketMemory, dryRun: true }), vanished);
    assert.deepEqual(await readdir(nas), []);
    const { counts } = await backUp(store(), prefix, { bucketMemory, create: true });
    assert.equal(counts['stored'], 2);
    await rm(nas, { recursive: true });
    await rename(scratch.at('unmounted'), nas);
    assert.equal((await backUp(store(), prefix, { bucketMemory })).counts['unchanged'], 2);
    assert.deepEqual(bucketMemory.buckets, [`disk:${nas}/b`]);
  });

  it('rejects an empty mount point, even after verify with --repair', async () => {
    const { scratch, nas, prefix, bucketMemory } = await createHost();
    await using _ = scratch;
    const store = () => createDiskStore({ path: nas });
    await backUp(store(), prefix, { bucketMemory });
    await rm(nas, { recursive: true });
    await mkdir(nas);
    await verifyAll(store(), { repair: { machine } });
    await assert.rejects(backUp(store(), prefix, { bucketMemory }), vanished);
  });

  it('rejects a bucket without its owner marker, such as an empty mount point, as a purge does', async () => {
    const { scratch, nas, prefix, bucketMemory } = await createHost();
    await using _ = scratch;
    const store = () => createDiskStore({ path: nas });
    await backUp(store(), prefix, { bucketMemory });
    await rm(nas, { recursive: true });
    await mkdir(nas);
    for (const command of [backUp, purgeGone])
      await assert.rejects(command(store(), prefix, { bucketMemory }), {
        code: 'BUCKET_VANISHED',
        message: /owner marker \(\.whisper-backup\/owner\.json\) is missing.*not mounted/,
      });
    await backUp(store(), prefix, { bucketMemory, create: true });
    await backUp(store(), prefix, { bucketMemory });
  });

  it('does not create another bucket, whose name may be a typo, but accepts an existing one', async () => {
    const { scratch, nas, prefix, bucketMemory } = await createHost();
    await using _ = scratch;
    await backUp(createDiskStore({ path: `${nas}/right` }), prefix, { bucketMemory });
    const typo = createDiskStore({ path: `${nas}/rihgt` });
    await assert.rejects(backUp(typo, prefix, { bucketMemory }), {
      code: 'BUCKET_VANISHED',
      message: /rihgt: it does not exist, and this host has backed up to disk:.*\/right before.*--create/,
    });
    assert.deepEqual(await readdir(nas), ['right']);
    await mkdir(`${nas}/second`);
    await backUp(createDiskStore({ path: `${nas}/second` }), prefix, { bucketMemory });
    await backUp(typo, prefix, { bucketMemory, create: true });
    assert.equal(bucketMemory.buckets.length, 3);
  });

  it('distinguishes the storage paths of a bucket', async () => {
    const { scratch, prefix, bucketMemory } = await createHost();
    await using _ = scratch;
    const store = createMemoryStore();
    await backUp(store, prefix, { bucketMemory, storagePath: 'one' });
    await backUp(store, prefix, { bucketMemory, storagePath: 'two' });
    await store.delete(['one/.whisper-backup/owner.json']);
    await backUp(store, prefix, { bucketMemory, storagePath: 'two' });
    await assert.rejects(backUp(store, prefix, { bucketMemory, storagePath: 'one' }), vanished);
  });
});

describe('a first backup', () => {
  it('creates its bucket and logs that, and logs nothing for an existing one', async () => {
    const { scratch, prefix, bucketMemory } = await createHost();
    await using _ = scratch;
    const lines: string[] = [];
    const report: Report = { log: (level, line) => level === 'info' && lines.push(line), progress() {} };
    const store = withRetry(createMemoryStore({ exists: false }));
    await backUp(withDryRun(store), prefix, { report, bucketMemory, dryRun: true });
    assert.deepEqual(bucketMemory.buckets, []);
    await backUp(store, prefix, { report, bucketMemory });
    await backUp(store, prefix, { report, bucketMemory });
    assert.deepEqual(lines, [
      `Would create ${store.name}: it did not exist`,
      `Created ${store.name}: it did not exist`,
    ]);
  });

  it('accepts a bucket of an older release that is not recorded', async () => {
    const { scratch, prefix, bucketMemory } = await createHost();
    await using _ = scratch;
    const store = createMemoryStore();
    await backUp(store, prefix);
    await backUp(store, prefix, { bucketMemory });
    assert.deepEqual(bucketMemory.buckets, [store.name]);
  });
});
