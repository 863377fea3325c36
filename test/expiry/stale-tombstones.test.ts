import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { DeniedError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { metricFile, plantMetric, plantMetrics } from '../fixtures/metric.ts';
import { backUp, purgeGone } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';

describe('an invalid tombstone', () => {
  it('is deleted even if a guard stops the purge, so that a later absence does not look old', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive', 'ahead', 'flaky']);
    for (const command of [backUp, purgeGone]) {
      const bucket = new Bucket();
      await bucket.backup('ahead', daysAgo(-1));
      await bucket.backup('flaky', daysAgo(100));
      await bucket.backup('replaced', daysAgo(100));
      await bucket.backup('missing', daysAgo(100));
      for (const path of ['flaky', 'replaced', 'missing']) await bucket.tombstone(path, daysAgo(60));
      await bucket.backup('replaced', daysAgo(50));
      const { stopped } = await command(bucket.store, scratch.path, { now: bucket.now });
      assert.equal(stopped?.code, 'BACKUP_AHEAD');
      assert.deepEqual(
        (await bucket.tombstones()).map((key) => key.split('/')[0]),
        ['missing'],
      );
    }
  });
});

describe('a file that exists again while it has a valid tombstone', () => {
  /** A metric that was missing for a night two months ago, in a bucket that this host may not delete from. */
  async function putOnly(): Promise<{ bucket: Bucket; store: ObjectStore }> {
    const bucket = new Bucket();
    await bucket.backup('back', daysAgo(100), metricFile(1));
    await bucket.tombstone('back', daysAgo(60));
    const refuse = async (keys: readonly string[]) => keys.map((key) => ({ key, error: new DeniedError('put only') }));
    return { bucket, store: delegate(bucket.store, { delete: refuse }) };
  }

  it('is stored again even if unchanged, so that a later absence counts from then where nothing may be deleted', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const file = await plantMetric(scratch.path, 'back', metricFile(1));
    const { bucket, store } = await putOnly();
    const { counts } = await backUp(store, scratch.path, { now: bucket.now });
    assert.equal(counts['stored'], 2);
    assert.deepEqual(await bucket.restorable(), ['alive 2026-11-22', 'back 2026-08-14', 'back 2026-11-22']);
    await rm(file);
    bucket.time = new Date(bucket.time.getTime() + 86_400_000);
    const { counts: later } = await backUp(bucket.store, scratch.path, { now: bucket.now });
    assert.deepEqual([later['purged'], later['tombstones']], [0, 1]);
    assert.equal((await bucket.restorable()).length, 3);
  });

  it('is stored once, whatever the stat cache contains, and is then unchanged', async () => {
    await using scratch = await createScratch();
    await plantMetric(scratch.at('tree'), 'back', metricFile(1));
    const { bucket, store } = await putOnly();
    const statCache = { file: scratch.at('cache', 'stat') };
    const stored: unknown[] = [];
    for (let night = 0; night < 3; night++) {
      const { counts } = await backUp(store, scratch.at('tree'), { now: bucket.now, statCache });
      stored.push(counts['stored']);
      bucket.time = new Date(bucket.time.getTime() + 86_400_000);
    }
    assert.deepEqual(stored, [1, 0, 0]);
  });

  it('does not affect retention: the same content twice counts as one', async () => {
    await using scratch = await createScratch();
    await plantMetric(scratch.path, 'back', metricFile(1));
    const bucket = new Bucket();
    await bucket.backup('back', daysAgo(101), metricFile(2));
    await bucket.backup('back', daysAgo(100), metricFile(1));
    await bucket.tombstone('back', daysAgo(60));
    const { counts } = await backUp(bucket.store, scratch.path, { now: bucket.now, retention: 2 });
    assert.deepEqual([counts['stored'], counts['retired']], [1, 0]);
    assert.deepEqual(await bucket.restorable(), ['back 2026-08-13', 'back 2026-08-14', 'back 2026-11-22']);
  });
});
