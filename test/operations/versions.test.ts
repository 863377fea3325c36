import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silent } from '../../lib/common/report.ts';
import { showStored } from '../../lib/operations/views/show.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { restoreTree, verifyAll } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';

/** A store that lists a version of each object, and reads it by this version alone. */
function versioned(store: ObjectStore): ObjectStore {
  return delegate(store, {
    async *list(range) {
      for await (const object of store.list(range)) yield { ...object, version: `of ${object.key}` };
    },
    async get(key, { version, ...options }) {
      assert.equal(version, `of ${key}`);
      return store.get(key, options);
    },
  });
}

describe('a store that lists versions', () => {
  it('is asked for the version of each backup, so that it need not look for it', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('a/b', daysAgo(2));
    await bucket.backup('a/b', daysAgo(1));
    await bucket.pair('c', daysAgo(1));
    const store = versioned(bucket.store);
    const restored = await restoreTree(store, scratch.at('tree'));
    assert.deepEqual([restored.counts['restored'], restored.counts['failed']], [2, 0]);
    const verified = await verifyAll(store, { readData: true });
    assert.deepEqual([verified.counts['damaged'], verified.counts['failed']], [0, 0]);
    const shown = await showStored(store, 'a.b', { report: silent, signal: new AbortController().signal });
    assert.ok(shown.bytes > 0);
  });
});
