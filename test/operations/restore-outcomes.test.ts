import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { backupKey } from '../../lib/bucket/layout.ts';
import { formatTimestamp } from '../../lib/common/timestamp.ts';
import type { MetricOutcome, RestoreWatcher } from '../../lib/operations/restore/outcomes.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { Bucket, daysAgo, NOW } from '../fixtures/bucket.ts';
import { at, fileUntil, putRun } from '../fixtures/journal-run.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { restoreTree, threadsOn } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { readTree } from '../fixtures/tree.ts';

class Collected implements RestoreWatcher {
  readonly plotAbove: number;
  readonly outcomes: MetricOutcome[] = [];
  most = 0;

  constructor(plotAbove = Number.POSITIVE_INFINITY) {
    this.plotAbove = plotAbove;
  }

  async add(outcomes: readonly MetricOutcome[]): Promise<void> {
    this.most = Math.max(this.most, outcomes.length);
    this.outcomes.push(...outcomes);
  }

  /** What a test compares, by metric. */
  get brief(): Record<string, unknown> {
    return Object.fromEntries(
      this.outcomes.map((one) => [one.metric, 'code' in one ? one.code : [one.outcome, one.changes?.points]]),
    );
  }
}

/** A bucket with a metric for every outcome, and a tree that lacks some. */
async function makeAll(prefix: string): Promise<Bucket> {
  const bucket = new Bucket();
  for (const path of ['created', 'filled', 'unchanged']) await bucket.backup(path, daysAgo(1), metricFile(1));
  await bucket.backup('young', daysAgo(0), metricFile(1));
  await bucket.backup('gone', daysAgo(2), metricFile(1));
  await bucket.tombstone('gone', daysAgo(1));
  await bucket.put(
    backupKey('', 'damaged', formatTimestamp(daysAgo(1)), '1'.repeat(40), 'gz'),
    daysAgo(1),
    gzipSync('x'),
  );
  await plantMetric(prefix, 'filled', metricFile(2, { known: 10 }));
  await plantMetric(prefix, 'unchanged', metricFile(1));
  return bucket;
}

const ALL = {
  created: ['created', 30],
  filled: ['filled', 20],
  unchanged: ['unchanged', undefined],
  young: 'NO_BACKUP',
  gone: 'GONE',
  damaged: 'WRONG_SHA1',
};

describe('restore', () => {
  it('reports what became of each metric, counts the points that changed, and why others were left', async () => {
    await using scratch = await createScratch();
    const bucket = await makeAll(scratch.at('tree'));
    const watcher = new Collected();
    const options = { now: bucket.now, date: NOW, skipGone: true };
    const summary = await restoreTree(bucket.store, scratch.at('tree'), { ...options, watcher });
    assert.deepEqual(watcher.brief, ALL);
    const { metrics, restored, backfilled, noBackup, skipped, failed } = summary.counts;
    assert.deepEqual([metrics, restored, backfilled, noBackup, skipped, failed], [4, 1, 1, 1, 1, 1]);
    assert.deepEqual(summary.notRestored, { WRONG_SHA1: 1, GONE: 1, NO_BACKUP: 1 });
    const created = watcher.outcomes.find(({ metric }) => metric === 'created');
    assert.ok(created && 'backup' in created);
    assert.deepEqual(created.backup.time, daysAgo(1));
    const young = watcher.outcomes.find(({ metric }) => metric === 'young');
    assert.match(
      young && 'reason' in young ? young.reason : '',
      /^its oldest backup is of 2026-11-22T12:00:00\+00:00$/,
    );
  });

  it('reports the same in a dry run, and changes nothing', async () => {
    await using scratch = await createScratch();
    const bucket = await makeAll(scratch.at('tree'));
    const before = await readTree(scratch.at('tree'));
    const watcher = new Collected();
    const options = { now: bucket.now, date: NOW, skipGone: true, dryRun: true };
    const summary = await restoreTree(bucket.store, scratch.at('tree'), { ...options, watcher });
    assert.deepEqual(watcher.brief, ALL);
    assert.equal(summary.counts.noBackup, 1);
    assert.deepEqual(await readTree(scratch.at('tree')), before);
  });

  it('tells created from replaced files, and counts all points that differ in these', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(1), metricFile(1));
    await bucket.backup('b', daysAgo(1), metricFile(1));
    await plantMetric(scratch.at('tree'), 'a', metricFile(2, { known: 50 }));
    const watcher = new Collected();
    const options = { now: bucket.now, overwrite: true, watcher };
    const { counts, notRestored } = await restoreTree(bucket.store, scratch.at('tree'), options);
    assert.deepEqual(watcher.brief, { a: ['replaced', 50], b: ['created', 30] });
    assert.deepEqual([counts.restored, counts.replaced, notRestored], [2, 1, undefined]);
  });

  it('counts points of a file that gets another schema as changed if no archive has their step any more', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(1), metricFile(1));
    await plantMetric(scratch.at('tree'), 'a', metricFile(1));
    const watcher = new Collected();
    const schemaOf = () => ({ archives: [{ secondsPerPoint: 300, points: 24 }] });
    await restoreTree(bucket.store, scratch.at('tree'), { now: bucket.now, schemaOf, watcher });
    assert.deepEqual(watcher.brief, { a: ['replaced', 36] });
  });

  it('counts the points that changed in a window, and names metrics that have no file for it', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(1), metricFile(1));
    await bucket.backup('b', daysAgo(1), metricFile(1));
    await plantMetric(scratch.at('tree'), 'a', metricFile(2));
    const watcher = new Collected(0);
    const window = { from: new Date(NOW.getTime() - 600_000), until: NOW };
    await restoreTree(bucket.store, scratch.at('tree'), { now: bucket.now, window, watcher });
    assert.deepEqual(watcher.brief, { a: ['filled', 10], b: 'VANISHED' });
    const [one] = watcher.outcomes;
    assert.ok(one && 'changes' in one && one.changes?.plot);
    assert.deepEqual(one.window, { filled: 0, replaced: 10, erased: 0, kept: 0, leftSlots: 0, left: [] });
  });

  it('reports new names, and how far the journal reached', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('a/x', at(10), fileUntil(10));
    await putRun(bucket, at(41), [[['a.x', 9, 41]]]);
    const watcher = new Collected();
    const rename = [{ from: 'a', to: 'b' }];
    await restoreTree(bucket.store, scratch.at('tree'), { now: bucket.now, rename, watcher });
    const [one] = watcher.outcomes;
    assert.ok(one && 'backup' in one);
    assert.deepEqual([one.metric, one.target, one.outcome], ['a.x', 'b.x', 'created']);
    assert.deepEqual([one.replayed?.points, one.replayed?.newest], [32, at(40).getTime() / 1000]);
  });

  it('reports a file that another process undoes each time as failed in the end', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(1), metricFile(1));
    const watcher = new Collected();
    const undoing = setInterval(() => rmSync(scratch.at('tree/a.wsp'), { force: true }), 1);
    try {
      const { counts } = await restoreTree(bucket.store, scratch.at('tree'), {
        now: bucket.now,
        recheckAfterMs: 50,
        watcher,
      });
      assert.deepEqual(
        watcher.outcomes.map(({ outcome }) => outcome),
        ['created', 'failed'],
      );
      assert.deepEqual([counts.restored, counts.failed], [0, 1]);
    } finally {
      clearInterval(undoing);
    }
  });

  it('passes outcomes on in batches and waits for the watcher, so that memory stays bounded; plots come from threads', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(1), metricFile(1));
    const store = createDiskStore({ path: scratch.at('bucket') });
    await store.open({ create: true });
    const [key = ''] = await bucket.keys();
    const body = await bucket.store.get(key, { maxBytes: 1e6 });
    for (let i = 0; i < 400; i++) await store.put(key.replace('a/', `m${i}/`), body);
    const watcher = new Collected(29);
    await restoreTree(store, scratch.at('tree'), { now: bucket.now, watcher, ...threadsOn(store) });
    assert.equal(watcher.outcomes.length, 400);
    assert.ok(watcher.most <= 64, `${watcher.most} at once`);
    assert.ok(
      watcher.outcomes.every((one) => 'changes' in one && one.changes?.plot?.after.low instanceof Float64Array),
    );
  });
});
