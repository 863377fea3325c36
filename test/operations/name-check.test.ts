import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { timeOfChangedKey } from '../../lib/bucket/misnamed.ts';
import { createNoopStore } from '../../lib/store/drivers/noop.ts';
import { Bucket } from '../fixtures/bucket.ts';
import { changes, changingStore } from '../fixtures/changing-store.ts';
import { delegate } from '../fixtures/delegate.ts';
import { metricFile, plantMetric, plantMetrics } from '../fixtures/metric.ts';
import { backUp } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { withCounting } from '../store/counting.ts';
import { createMemoryStore } from '../store/memory-store.ts';

describe('a backup to a store that changes names', () => {
  for (const [what, change] of Object.entries(changes)) {
    it(`stops, in the first run and in later ones, if it ${what}`, async () => {
      await using scratch = await createScratch();
      await plantMetrics(scratch.path, ['Servers/web01', 'a.b/c']);
      const store = changingStore(change);
      for (let night = 0; night < 2; night++) {
        const { stopped } = await backUp(store, scratch.path, { retention: 1 });
        assert.equal(stopped?.code, 'MISNAMED', `night ${night}`);
        assert.match(stopped?.message ?? '', /changes the names of objects.*check it with doctor/);
      }
    });
  }

  it('stops although older backups have their names, as after a move to another gateway', async () => {
    await using scratch = await createScratch();
    await plantMetric(scratch.path, 'm', metricFile(2));
    const bucket = new Bucket();
    await bucket.backup('m', new Date('2026-11-01T03:00:00Z'), metricFile(1));
    await bucket.store.put(
      'm/2026-11-02t03:00:00+00:00.0123456789abcdef0123456789abcdef01234567.wsp.gz',
      new Uint8Array(1),
    );
    assert.equal((await backUp(bucket.store, scratch.path, { now: bucket.now })).stopped?.code, 'MISNAMED');
    // The store keeps names again: the backup of the last run is newer.
    assert.equal((await backUp(bucket.store, scratch.path, { now: bucket.now })).stopped, undefined);
  });
});

describe('a backup to a store that keeps names', () => {
  it('is not stopped by a listing that is a moment behind', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a', 'b']);
    const store = createMemoryStore();
    let behind = 2;
    const late = delegate(store, {
      async *list(range) {
        if (range?.prefix?.endsWith('/') && !range.prefix.startsWith('.') && behind-- > 0) return;
        yield* store.list(range);
      },
    });
    assert.equal((await backUp(late, scratch.path)).stopped, undefined);
    assert.ok(behind <= 0);
  });

  it('ends well if the store keeps nothing, as noop', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a', 'b']);
    const { counts, stopped } = await backUp(createNoopStore(), scratch.path);
    assert.deepEqual([counts['stored'], stopped], [2, undefined]);
  });

  it('lists what it stored once, in the first run', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a', 'b', 'c']);
    const store = createMemoryStore();
    const lists: number[] = [];
    for (let night = 0; night < 3; night++) {
      await plantMetric(scratch.path, 'a', metricFile(10 + night));
      const counting = withCounting(store);
      assert.equal((await backUp(counting, scratch.path)).stopped, undefined);
      lists.push(counting.calls.list);
    }
    assert.equal(lists[0], (lists[1] ?? 0) + 1);
    assert.equal(lists[2], lists[1]);
  });
});

describe('a key that a store has changed', () => {
  const sha1 = '0123456789abcdef0123456789abcdef01234567';
  const intact = `a.b/2026-11-22T03:14:15+00:00.${sha1}.wsp.gz`;

  it('tells its time', () => {
    for (const change of Object.values(changes))
      assert.equal(timeOfChangedKey(change(intact))?.toISOString(), '2026-11-22T03:14:15.000Z', change(intact));
  });

  it('is no key that is intact, nor one of another program', () => {
    for (const key of [
      intact,
      'a/2026-11-22T03:14:15+00:00.gone',
      'a/2026-11-22T03:14:15+00:00.wsp.gz',
      `a/9999-11-22T03:14:15+00:00.${sha1}.wsp.gz`,
      'a/2026-11-22.tar.gz',
      'a/readme',
    ])
      assert.equal(timeOfChangedKey(key), undefined, key);
  });
});
