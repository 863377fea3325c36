import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silent } from '../../lib/common/report.ts';
import { type OperationOptions, Run } from '../../lib/operations/shared/run.ts';
import { SecondPass } from '../../lib/operations/shared/second-pass.ts';
import { DeniedError, TransientError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';
import { plantMetrics } from '../fixtures/metric.ts';
import { backUp, codesOf, restoreTree, verifyAll } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { createMemoryStore } from '../store/memory-store.ts';

const METRICS = ['a', 'b', 'c', 'd'];

/** A store that fails the first calls for the metrics `b` and `c`, so many times each. */
function failing(store: ObjectStore, method: 'get' | 'put', times: number, error: Error): ObjectStore {
  const calls = new Map<string, number>();
  const fail = (key: string) => {
    const metric = /^([bc])\//.exec(key)?.[1];
    if (metric === undefined) return;
    const call = (calls.get(metric) ?? 0) + 1;
    calls.set(metric, call);
    if (call <= times) throw error;
  };
  return delegate(store, {
    async get(key, options) {
      if (method === 'get') fail(key);
      return store.get(key, options);
    },
    async put(key, body, options) {
      if (method === 'put') fail(key);
      return store.put(key, body, options);
    },
  });
}

const busy = new TransientError('the store is busy');

describe('what failed because the store did not answer', () => {
  it('is stored at the end of a backup, and its expired backups go', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, METRICS);
    const store = createMemoryStore();
    const { counts, failed } = await backUp(failing(store, 'put', 1, busy), scratch.path);
    assert.deepEqual([counts.stored, counts.metrics, failed], [4, 4, []]);
    const again = await backUp(store, scratch.path);
    assert.equal(again.counts.unchanged, 4);
  });

  it('is restored at the end of a restore', async () => {
    await using scratch = await createScratch();
    const [tree, restored] = [await scratch.directory('tree'), scratch.at('restored')];
    await plantMetrics(tree, METRICS);
    const store = createMemoryStore();
    await backUp(store, tree);
    const { counts, failed } = await restoreTree(failing(store, 'get', 1, busy), restored);
    assert.deepEqual([counts.restored, counts.metrics, failed], [4, 4, []]);
    assert.deepEqual(contents(await readTree(restored)), contents(await readTree(tree)));
  });

  it('is read at the end of a verify', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, METRICS);
    const store = createMemoryStore();
    await backUp(store, scratch.path);
    const { counts, failed } = await verifyAll(failing(store, 'get', 1, busy), { readData: true });
    assert.deepEqual([counts.read, counts.backups, counts.metrics, failed], [4, 4, 4, []]);
  });

  it('is tried again only while it takes little memory', () => {
    const later = new SecondPass<string>(new Run<OperationOptions>('restore', createMemoryStore(), { report: silent }));
    const sizes = [0, 2 ** 25, 2 ** 25, 1, 0];
    assert.deepEqual(
      sizes.map((bytes) => later.defer('m', 'TRANSIENT', bytes)),
      [true, true, true, false, true],
    );
  });

  it('has failed if that fails too, once', async () => {
    await using scratch = await createScratch();
    const [tree, restored] = [await scratch.directory('tree'), scratch.at('restored')];
    await plantMetrics(tree, METRICS);
    const store = createMemoryStore();
    const expected = { b: 'TRANSIENT', c: 'TRANSIENT' };
    const stored = await backUp(failing(store, 'put', 2, busy), tree);
    assert.deepEqual([stored.counts.stored, stored.counts.failed, codesOf(stored.failed)], [2, 2, expected]);
    await backUp(store, tree);
    const read = await verifyAll(failing(store, 'get', 2, busy), { readData: true });
    assert.deepEqual([read.counts.backups, read.counts.failed, codesOf(read.failed)], [4, 2, expected]);
    const brought = await restoreTree(failing(store, 'get', 2, busy), restored);
    assert.deepEqual([brought.counts.restored, brought.counts.failed, codesOf(brought.failed)], [2, 2, expected]);
  });

  it('is tried again for no other reason', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, METRICS);
    const denied = new DeniedError('no permission');
    const { failed } = await backUp(failing(createMemoryStore(), 'put', 1, denied), scratch.path);
    assert.deepEqual(codesOf(failed), { b: 'DENIED', c: 'DENIED' });
  });
});
