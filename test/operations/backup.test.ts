import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { utimes, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { catalog } from '../../lib/bucket/catalog.ts';
import { backupKey } from '../../lib/bucket/layout.ts';
import { InvalidOptionError } from '../../lib/common/errors.ts';
import { each } from '../../lib/common/pages.ts';
import { formatTimestamp } from '../../lib/common/timestamp.ts';
import { withDryRun } from '../../lib/store/decorators/dry-run.ts';
import { PermanentError } from '../../lib/store/errors.ts';
import type { ObjectStore, StoredObject } from '../../lib/store/store.ts';
import { Bucket, daysAgo, restorable } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { lockByPython } from '../fixtures/locker.ts';
import { metricFile, plantMetric, plantMetrics } from '../fixtures/metric.ts';
import { backUp, codesOf } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { type CallCounts, withCounting } from '../store/counting.ts';
import { createMemoryStore } from '../store/memory-store.ts';

async function timesOf(store: ObjectStore, path: string): Promise<string[]> {
  for await (const stored of each(catalog(store, {}, { onDisorder: assert.fail })))
    if (stored.path === path) return stored.backups.map(({ time }) => formatTimestamp(time));
  return [];
}

/** The requests of a run, except listings. */
async function requests(
  store: ObjectStore,
  run: (store: ObjectStore) => Promise<unknown>,
): Promise<Partial<CallCounts>> {
  const counting = withCounting(store);
  await run(counting);
  const { get, put } = counting.calls;
  return { get, put };
}

describe('backup', () => {
  it('stores one object per file, named by time and SHA-1, which gunzip reads', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['servers/web01/cpu', 'a.b']);
    const bucket = new Bucket();
    const { counts, failed, skipped } = await backUp(bucket.store, scratch.path, { now: bucket.now });
    assert.deepEqual([counts['metrics'], counts['stored'], failed, skipped], [2, 2, [], []]);
    const file = metricFile(1);
    const sha1 = createHash('sha1').update(file).digest('hex');
    const [own, escaped, key = ''] = await bucket.keys();
    assert.deepEqual([own, escaped?.split('/')[0]], ['.whisper-backup/owner.json', 'a%2Eb']);
    assert.equal(key, `servers.web01.cpu/2026-11-22T12:00:00+00:00.${sha1}.wsp.gz`);
    const body = await bucket.store.get(key, { maxBytes: 1e6 });
    assert.deepEqual(new Uint8Array(gunzipSync(body)), file);
    assert.equal(counts['bytesRead'], 2 * file.length);
  });

  it('does not store an unchanged file again, and sends no request for it', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a', 'b', 'c']);
    const bucket = new Bucket();
    const run = (store: ObjectStore) => backUp(store, scratch.path, { now: bucket.now });
    await run(bucket.store);
    await plantMetric(scratch.path, 'b', metricFile(77));
    bucket.time = daysAgo(-1);
    // One GET for the owner, one PUT for the changed file.
    assert.deepEqual(await requests(bucket.store, run), { get: 1, put: 1 });
    assert.deepEqual(await restorable(bucket.store), ['a 2026-11-22', 'b 2026-11-22', 'b 2026-11-23', 'c 2026-11-22']);
  });

  it('compares with pairs of the Python tool by the MD5 in the listing, and reads the checksum if that differs', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a', 'b']);
    const run = (store: ObjectStore) => backUp(store, scratch.path);
    const filled = async () => {
      const bucket = new Bucket();
      await bucket.pair('a', daysAgo(1), metricFile(1));
      await bucket.pair('b', daysAgo(1), metricFile(2));
      return bucket.store;
    };
    assert.deepEqual(await requests(await filled(), run), { get: 1, put: 1 });
    const told = async (change: (object: StoredObject) => StoredObject) => {
      const store = await filled();
      return delegate(store, {
        async *list(range) {
          for await (const object of store.list(range)) yield change(object);
        },
      });
    };
    const encrypted = await told((object) => ({ ...object, md5: '0123456789abcdef0123456789abcdef' }));
    const silent = await told(({ key, size, modified }) => ({ key, size, modified }));
    // The owner is read and marked, and two checksums are read.
    assert.deepEqual(await requests(encrypted, run), { get: 3, put: 1 });
    assert.deepEqual(await requests(silent, run), { get: 3, put: 1 });
  });

  it('dates a backup after the newest one, even in the same second or with the clock set back', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const run = () => backUp(bucket.store, scratch.path, { now: bucket.now });
    for (const seed of [1, 2]) {
      await plantMetric(scratch.path, 'm', metricFile(seed));
      await run();
    }
    bucket.time = new Date(bucket.time.getTime() - 1_800_000);
    await plantMetric(scratch.path, 'm', metricFile(3));
    const { stopped } = await run();
    assert.equal(stopped, undefined);
    assert.deepEqual(await timesOf(bucket.store, 'm'), [
      '2026-11-22T12:00:00+00:00',
      '2026-11-22T12:00:01+00:00',
      '2026-11-22T12:00:02+00:00',
    ]);
    // The last one is the newest by name, which a later run or restore uses.
    bucket.time = new Date(bucket.time.getTime() + 1_800_000);
    assert.deepEqual((await run()).counts['unchanged'], 1);
  });

  it('reports files that it does not back up, and does not let damaged files expire good backups', async () => {
    await using scratch = await createScratch();
    const tree = await scratch.directory('tree');
    await plantMetrics(tree, ['good', 'hidden/x', 'locked']);
    await plantMetric(tree, 'cut', metricFile(5).subarray(0, 300));
    await plantMetric(tree, 'junk', new Uint8Array(100).fill(1));
    const empty = await plantMetric(tree, 'empty', new Uint8Array());
    await utimes(empty, daysAgo(1), daysAgo(1));
    const created = await plantMetric(tree, 'created', new Uint8Array());
    await utimes(created, daysAgo(0), daysAgo(0));
    await writeFile(scratch.at('tree', '.wsp'), metricFile(6));
    const long = Array.from({ length: 6 }, () => 'x'.repeat(200)).join('/');
    await plantMetric(tree, long);

    const bucket = new Bucket();
    await bucket.backup('cut', daysAgo(2), metricFile(4));
    await using _lock = await lockByPython(`${tree}/locked.wsp`, 'LOCK_EX');
    const started = performance.now();
    const options = { now: bucket.now, retention: 1, exclude: ['hidden.*'] };
    const { counts, failed, skipped } = await backUp(bucket.store, tree, options);
    assert.ok(performance.now() - started < 15_000, 'the lock cost more than its deadline');
    assert.deepEqual(codesOf(failed), {
      '': 'EMPTY_NAME',
      cut: 'WHISPER_DAMAGED',
      empty: 'EMPTY',
      junk: 'WHISPER_DAMAGED',
      locked: 'LOCK_TIMEOUT',
      [long.replaceAll('/', '.')]: 'KEY_TOO_LONG',
    });
    assert.deepEqual(codesOf(skipped), { created: 'BEING_CREATED' });
    assert.deepEqual([counts['stored'], counts['failed'], counts['skipped'], counts['metrics']], [1, 6, 1, 8]);
    assert.deepEqual(await bucket.restorable(), ['cut 2026-11-20', 'good 2026-11-22']);

    // On request the damaged file is stored, and the good backup expires.
    const asked = await backUp(bucket.store, tree, { ...options, includeDamaged: true, metrics: 'cut' });
    assert.deepEqual([asked.counts['stored'], asked.counts['retired'], asked.failed], [1, 1, []]);
    assert.deepEqual(await bucket.restorable(), ['good 2026-11-22']);
  });

  it('backs up only files that match the glob and no exclusion, and expires nothing else', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['servers/a', 'servers/b', 'other/c']);
    const bucket = new Bucket();
    for (const path of ['servers/dead', 'other/dead']) await bucket.backup(path, daysAgo(9));
    const options = { now: bucket.now, metrics: 'servers.*', exclude: ['*.b'] };
    const { counts } = await backUp(bucket.store, scratch.path, options);
    assert.deepEqual([counts['metrics'], counts['stored'], counts['tombstones']], [1, 1, 1]);
    assert.deepEqual(await bucket.tombstones(), ['servers.dead/2026-11-22T12:00:00+00:00.gone']);
    const nothing = await backUp(bucket.store, scratch.path, { now: bucket.now, metrics: 'severs.*' });
    assert.equal(nothing.stopped?.code, 'NOTHING_MATCHED');
  });

  it('counts and reports files that the store rejects, and stores the rest', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a', 'b', 'c']);
    const bucket = new Bucket();
    const refusing = delegate(bucket.store, {
      async put(key, body, options) {
        if (key.startsWith('b/')) throw new PermanentError('disk full');
        await bucket.store.put(key, body, options);
      },
    });
    const { counts, failed } = await backUp(refusing, scratch.path, { now: bucket.now });
    assert.deepEqual([counts['stored'], counts['failed']], [2, 1]);
    assert.deepEqual(failed, [{ metric: 'b', code: 'PERMANENT', reason: 'disk full' }]);
    assert.deepEqual(await bucket.restorable(), ['a 2026-11-22', 'c 2026-11-22']);
  });

  it('deletes only after everything was listed, stored and flushed', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a', 'b', 'z']);
    const bucket = new Bucket();
    for (const days of [3, 2, 1]) await bucket.backup('a', daysAgo(days), metricFile(days + 10));
    await bucket.backup('gone', daysAgo(9));
    const calls: string[] = [];
    const watched = delegate(bucket.store, {
      async *list(range) {
        yield* bucket.store.list(range);
        if (range?.prefix !== '.whisper-backup/holds/') calls.push('listed');
      },
      async put(key, body, options) {
        await bucket.store.put(key, body, options);
        calls.push(key.endsWith('.gone') ? 'tombstone' : 'put');
      },
      async flush() {
        calls.push('flush');
      },
      async delete(keys) {
        calls.push('delete');
        return bucket.store.delete(keys);
      },
    });
    await backUp(watched, scratch.path, { now: bucket.now, retention: 1 });
    const flushed = calls.indexOf('flush');
    assert.equal(calls.slice(0, flushed).filter((call) => call === 'put').length, 4);
    assert.equal(calls.slice(0, flushed).filter((call) => call === 'listed').length, 2);
    assert.deepEqual(
      calls.slice(flushed).filter((call) => call !== 'listed'),
      ['flush', 'delete', 'tombstone'],
    );
  });

  it('in a dry run writes nothing, and reports what it would do', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a', 'b']);
    const bucket = new Bucket();
    for (const days of [3, 2, 1]) await bucket.pair('a', daysAgo(days), metricFile(days + 10));
    await bucket.backup('due', daysAgo(90));
    await bucket.pair('due', daysAgo(91));
    await bucket.tombstone('due', daysAgo(60));
    await bucket.backup('missing', daysAgo(9));
    const before = await bucket.keys();
    const options = { now: bucket.now, retention: 2 };
    const planned = await backUp(withDryRun(bucket.store), scratch.path, { ...options, dryRun: true });
    assert.deepEqual(await bucket.keys(), before);
    const done = await backUp(bucket.store, scratch.path, options);
    assert.deepEqual(planned.counts, done.counts);
    assert.deepEqual([done.counts['stored'], done.counts['retired'], done.counts['deleted']], [2, 2, 8]);
  });

  it('writes pairs in the Python layout, and rejects names that the Python tool could not restore', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a.b/c', 'd/e']);
    const bucket = new Bucket();
    await bucket.backup('d/e', daysAgo(1), metricFile(2));
    const run = () => backUp(bucket.store, scratch.path, { now: bucket.now, layout: 'python' });
    const { failed, counts } = await run();
    assert.deepEqual(codesOf(failed), { 'a%2Eb.c': 'AMBIGUOUS_NAME' });
    // Stored again, though our own backup is the same: the Python tool does not see that.
    const pair = ['d.e/2026-11-22T12:00:00+00:00.sha1', 'd.e/2026-11-22T12:00:00+00:00.wsp.gz'];
    assert.deepEqual((await bucket.keys('d.e/2026-11-22')).toSorted(), pair);
    assert.equal(counts['stored'], 1);
    assert.equal((await run()).counts['unchanged'], 1);
    const zst = backUp(bucket.store, scratch.path, { layout: 'python', algorithm: 'zst' });
    await assert.rejects(zst, InvalidOptionError);
  });

  it('reads few checksums of pairs in the Python layout, unless the listing has another hash than their MD5', async () => {
    await using scratch = await createScratch();
    const metrics = Array.from({ length: 20 }, (_, i) => `m${i}`);
    for (const md5 of [true, false]) {
      await plantMetrics(scratch.path, metrics);
      const store = createMemoryStore();
      const run = async () => {
        const counting = withCounting(
          delegate(store, {
            // As with encryption by a key of the customer.
            async *list(range) {
              for await (const object of store.list(range)) yield md5 ? object : { ...object, md5: 'f'.repeat(32) };
            },
          }),
        );
        const { counts } = await backUp(counting, scratch.path, { layout: 'python' });
        return [counts.stored, counts.unchanged, counting.calls.get];
      };
      assert.deepEqual((await run()).slice(0, 2), [20, 0]);
      // The owner marker, and each checksum.
      assert.deepEqual(await run(), [0, 20, md5 ? 1 : 21]);
      for (const [i, metric] of metrics.entries()) await plantMetric(scratch.path, metric, metricFile(100 + i));
      const [stored, , gets = 0] = await run();
      assert.equal(stored, 20);
      if (md5) assert.ok(gets < 10, `${gets} reads`);
      else assert.equal(gets, 21);
    }
  });

  it('rejects invalid rules and engines before it changes the bucket', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a']);
    const store = createMemoryStore();
    for (const options of [{ retention: 0 }, { retention: Number.NaN }, { keepWithin: -1 }, { gzipEngine: 'brotli' }])
      await assert.rejects(backUp(store, scratch.path, options), InvalidOptionError);
    await assert.rejects(backUp(store, scratch.at('missing')), { code: 'TREE_MISSING' });
    for await (const { key } of store.list()) assert.fail(key);
  });
});

describe('the load of a backup', () => {
  /** How many uploads were under way at once, at most. */
  async function mostAtOnce(prefix: string, bytesInFlight: number): Promise<number> {
    const bucket = new Bucket();
    let now = 0;
    let most = 0;
    const slow = delegate(bucket.store, {
      async put(key, body, options) {
        most = Math.max(most, ++now);
        await sleep(20);
        await bucket.store.put(key, body, options);
        now--;
      },
    });
    const { counts } = await backUp(slow, prefix, { bytesInFlight });
    assert.equal(counts['stored'], 12);
    return most;
  }

  it('stays within its budget of bytes, except for a single larger file', async () => {
    await using scratch = await createScratch();
    await plantMetrics(
      scratch.path,
      Array.from({ length: 12 }, (_, i) => `m${i}`),
    );
    assert.equal(await mostAtOnce(scratch.path, 1), 1);
    // Each of these small files uses one unit of 64 KiB.
    assert.equal(await mostAtOnce(scratch.path, 2 * 65_536), 2);
    assert.ok((await mostAtOnce(scratch.path, 2 ** 28)) > 2);
  });

  it('does not read far ahead of a slow file, so that memory does not grow with the bucket', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['m00000']);
    const file = metricFile(9);
    const bucket = new Bucket();
    let told = 0;
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const endless = delegate(bucket.store, {
      async *list(range) {
        if (range?.prefix?.endsWith('/')) return;
        for (let i = 1; i < 5000; i++) {
          told++;
          const metric = `m${String(i).padStart(5, '0')}`;
          const key = backupKey('', metric, '2026-11-21T00:00:00+00:00', '0'.repeat(40), 'gz');
          yield { key, size: file.length, modified: daysAgo(1) };
        }
      },
      async put(key) {
        if (key.startsWith('m00000/')) await released;
      },
      async delete() {
        return assert.fail('deleted');
      },
    });
    const running = backUp(endless, scratch.path, { now: bucket.now });
    for (let before = -1; told === 0 || told > before; await sleep(300)) before = told;
    const ahead = told;
    release();
    const { stopped, counts } = await running;
    assert.ok(ahead > 100 && ahead < 2000, `${ahead} of 4999 were read ahead`);
    // Once: purge was stopped, and retention lets go of nothing.
    assert.equal(told, 4999);
    assert.equal(stopped?.code, 'TOO_MANY_GONE');
    assert.equal(counts['stored'], 1);
  });
});

describe('a backup that is aborted', () => {
  it('ends within seconds, and everything it has stored is complete', async () => {
    await using scratch = await createScratch();
    const paths = Array.from({ length: 200 }, (_, i) => `m${String(i).padStart(3, '0')}`);
    await plantMetrics(scratch.path, paths);
    const bucket = new Bucket();
    await bucket.backup('gone', daysAgo(90));
    const stop = new AbortController();
    let puts = 0;
    const slow = delegate(bucket.store, {
      async put(key, body, options) {
        if (++puts === 100) stop.abort(new Error('told to'));
        await sleep(5);
        await bucket.store.put(key, body, options);
      },
      async delete() {
        return assert.fail('deleted');
      },
    });
    const started = performance.now();
    const running = backUp(slow, scratch.path, { now: bucket.now, purge: 0, signal: stop.signal });
    await assert.rejects(running, /told to/);
    assert.ok(performance.now() - started < 15_000);
    const stored = (await bucket.keys()).filter((key) => key.startsWith('m'));
    assert.ok(stored.length >= 1 && stored.length < 150, `${stored.length} were stored`);
    assert.equal((await bucket.restorable()).length, stored.length + 1);
    const rest = await backUp(bucket.store, scratch.path, { now: bucket.now });
    assert.deepEqual([rest.counts['stored'], rest.counts['unchanged']], [200 - stored.length, stored.length]);
  });

  it('does not wait for a lock that another process holds', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['locked']);
    await using _lock = await lockByPython(scratch.at('locked.wsp'), 'LOCK_EX');
    const stop = new AbortController();
    const running = backUp(createMemoryStore(), scratch.path, { fileLockTimeout: 60, signal: stop.signal });
    setTimeout(() => stop.abort(new Error('told to')), 1000);
    const started = performance.now();
    await assert.rejects(running, /told to/);
    assert.ok(performance.now() - started < 15_000);
  });

  it('ends at once if it was aborted before its start', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['a']);
    const store = createMemoryStore();
    await assert.rejects(backUp(store, scratch.path, { signal: AbortSignal.abort(new Error('told to')) }), /told to/);
    for await (const { key } of store.list()) assert.fail(key);
  });
});
