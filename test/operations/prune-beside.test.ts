import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { silent } from '../../lib/common/report.ts';
import { addHold } from '../../lib/operations/holds/holds.ts';
import { prune } from '../../lib/operations/prune/prune-bucket.ts';
import { withoutDeletes } from '../../lib/store/decorators/no-deletes.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { backUp, journalTree, purgeGone, restoreTree } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';

/** Calls `before` before each call that reaches the store. */
function interrupted(store: ObjectStore, before: () => Promise<void>): ObjectStore {
  return delegate(store, {
    async *list(range) {
      await before();
      yield* store.list(range);
    },
    async get(key, options) {
      await before();
      return store.get(key, options);
    },
    async delete(keys, options) {
      await before();
      return store.delete(keys, options);
    },
    async clock(options) {
      await before();
      return store.clock(options);
    },
  });
}

/** A bucket with expired backups, due tombstones and a hold. The file of one of the missing metrics is there again. */
async function filled(): Promise<Bucket> {
  const bucket = new Bucket();
  for (const path of ['back', 'changed', 'gone', 'held', 'same'])
    for (const days of [99, 98, 97]) await bucket.backup(path, daysAgo(days), metricFile(days));
  for (const path of ['back', 'gone', 'held']) for (const days of [90, 40]) await bucket.tombstone(path, daysAgo(days));
  await addHold(bucket.store, { report: silent, now: bucket.now, name: 'x', metrics: 'held' });
  return bucket;
}

const pruned = (bucket: Bucket, store = bucket.store) =>
  prune(store, { report: silent, now: bucket.now, retention: 1, purgeShare: 100 });

describe('prune', () => {
  it('loses nothing beside a backup, journal, purge or prune, at whatever time that runs', async () => {
    await using scratch = await createScratch();
    const tree = scratch.at('tree');
    await plantMetric(tree, 'same', metricFile(97));
    for (const path of ['back', 'changed']) await plantMetric(tree, path, metricFile(97));
    await plantMetric(tree, 'changed', metricFile(1));
    const live = contents(await readTree(tree));
    const others = {
      backup: (store: ObjectStore, now: () => Date) => backUp(store, tree, { now }),
      journal: async (store: ObjectStore, now: () => Date) => {
        await journalTree(store, tree, { now });
        return backUp(store, tree, { now });
      },
      purge: async (store: ObjectStore, now: () => Date) => {
        await purgeGone(store, tree, { now });
        return backUp(store, tree, { now });
      },
    };
    for (const [name, other] of Object.entries(others)) {
      let calls = Number.POSITIVE_INFINITY;
      for (let at = 0; at < calls; at++) {
        const bucket = await filled();
        let call = 0;
        const store = interrupted(bucket.store, async () => {
          if (call++ !== at) return;
          const { failed, stopped } = await other(withoutDeletes(bucket.store), bucket.now);
          assert.deepEqual([failed, stopped], [[], undefined]);
        });
        const { failed } = await pruned(bucket, store);
        calls = call;
        const about = `${name} at call ${at}`;
        assert.deepEqual(failed, [], about);
        const restored = scratch.at('restored');
        await restoreTree(bucket.store, restored, { now: bucket.now, exclude: ['gone', 'held'] });
        assert.deepEqual(contents(await readTree(restored)), live, about);
        assert.equal((await bucket.keys('held/')).filter((key) => key.endsWith('.gz')).length, 1, about);
        await rm(restored, { recursive: true });
      }
      assert.ok(calls > 5);
    }
  });

  it('leaves what one prune would leave, when two run at once', async () => {
    const one = await filled();
    const { counts } = await pruned(one);
    assert.ok((counts['deleted'] ?? 0) > 5);
    let calls = Number.POSITIVE_INFINITY;
    for (let at = 0; at < calls; at++) {
      const bucket = await filled();
      let call = 0;
      const store = interrupted(bucket.store, async () => {
        if (call++ === at) assert.deepEqual((await pruned(bucket)).failed, []);
      });
      assert.deepEqual((await pruned(bucket, store)).failed, [], `call ${at}`);
      calls = call;
      assert.deepEqual(await bucket.keys(), await one.keys(), `call ${at}`);
    }
    const bucket = await filled();
    const both = await Promise.all([pruned(bucket), pruned(bucket)]);
    assert.deepEqual([both.flatMap(({ failed }) => failed), await bucket.keys()], [[], await one.keys()]);
  });
});
