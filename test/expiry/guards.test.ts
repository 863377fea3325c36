import assert from 'node:assert/strict';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { codeOf, GuardError } from '../../lib/common/errors.ts';
import type { Summary } from '../../lib/common/summary.ts';
import type { BackupOptions } from '../../lib/operations/backup/backup.ts';
import type { PurgeOptions } from '../../lib/operations/purge/purge.ts';
import type { ObjectStore, StoredObject } from '../../lib/store/store.ts';
import { Bucket, daysAgo, restorable } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { metricFile, plantMetric, plantMetrics } from '../fixtures/metric.ts';
import { backUp, purgeGone } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { runAsNobody } from '../fixtures/unprivileged.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `m${String(i).padStart(3, '0')}`);
}

async function bucketOf(paths: readonly string[]): Promise<Bucket> {
  const bucket = new Bucket();
  for (const path of paths) await bucket.backup(path, daysAgo(30));
  return bucket;
}

/** How many backups are left, and why purge stopped if it did. */
async function outcome(bucket: Bucket, run: Promise<Summary>): Promise<[left: number, stopped: string]> {
  const code = await run.then(({ stopped }) => stopped?.code ?? 'went on', codeOf);
  return [(await bucket.restorable()).length, code];
}

/**
 * Purges two buckets alike, the second with every guard overridden.
 *
 * @param through what the run sees of the bucket.
 */
async function guardedAndForced(
  fill: () => Promise<Bucket>,
  prefix: string,
  options: Partial<PurgeOptions> = {},
  through = (bucket: Bucket): ObjectStore => bucket.store,
): Promise<[guarded: [number, string], forced: [number, string]]> {
  const guarded = await fill();
  const forced = await fill();
  const run = (bucket: Bucket, more: Partial<PurgeOptions>) =>
    outcome(bucket, purgeGone(through(bucket), prefix, { now: bucket.now, ...options, ...more }));
  return [await run(guarded, {}), await run(forced, { force: true })];
}

describe('the guard for the tree', () => {
  it('stops if the tree has no Whisper files: it may not be mounted', async () => {
    await using scratch = await createScratch();
    await scratch.directory('tree', 'lost+found');
    const [guarded, forced] = await guardedAndForced(() => bucketOf(names(10)), scratch.at('tree'), { purge: 0 });
    assert.deepEqual(
      [guarded, forced],
      [
        [10, 'TREE_EMPTY'],
        [0, 'went on'],
      ],
    );
  });

  it('also prevents tombstones', async () => {
    await using scratch = await createScratch();
    const bucket = await bucketOf(names(10));
    await purgeGone(bucket.store, scratch.path, { now: bucket.now });
    assert.deepEqual(await bucket.tombstones(), []);
  });

  it('counts files outside the glob', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['other/alive']);
    const bucket = await bucketOf(['dead/a', 'dead/b']);
    const run = purgeGone(bucket.store, scratch.path, { now: bucket.now, purge: 0, metrics: 'dead.*' });
    assert.deepEqual(await outcome(bucket, run), [0, 'went on']);
  });

  it('stops if the tree is missing or not a directory, even with --force', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['file']);
    for (const prefix of [scratch.at('typo'), scratch.at('file.wsp')]) {
      const runs = await guardedAndForced(() => bucketOf(names(10)), prefix, { purge: 0 });
      assert.deepEqual(runs, [
        [10, 'TREE_MISSING'],
        [10, 'TREE_MISSING'],
      ]);
    }
    // Taken for an empty tree, as the Python tool did, all would have gone.
    await scratch.directory('typo');
    const [, taken] = await guardedAndForced(() => bucketOf(names(10)), scratch.at('typo'), { purge: 0 });
    assert.deepEqual(taken, [0, 'went on']);
  });

  it('stops if the tree cannot be read', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['alive']);
    await chmod(scratch.at('tree'), 0o000);
    await mkdir(scratch.at('bucket'), { mode: 0o777 });
    await chmod(scratch.at('bucket'), 0o777);
    assert.deepEqual(await runAsNobody('purge', scratch.at('tree'), scratch.at('bucket')), { error: 'EACCES' });
    assert.deepEqual(await runAsNobody('backup', scratch.at('tree'), scratch.at('bucket')), { error: 'EACCES' });
  });
});

describe('the guard for the share', () => {
  it('stops if more than half of the metrics went missing', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, names(49));
    const fill = () => bucketOf(names(100));
    const guarded = await fill();
    const { stopped } = await purgeGone(guarded.store, scratch.path, { now: guarded.now });
    assert.equal(stopped?.code, 'TOO_MANY_GONE');
    assert.match(stopped.message, /51 metrics went missing within 7 days.*50 %.*100 metrics.*--force/);
    assert.deepEqual(await guarded.tombstones(), []);
    // With a tombstone and unnoticed for 46 days, they would have been purged.
    const forced = await fill();
    await purgeGone(forced.store, scratch.path, { now: forced.now, force: true });
    forced.time = new Date(forced.time.getTime() + 46 * DAY);
    await purgeGone(forced.store, scratch.path, { now: forced.now, force: true });
    assert.deepEqual([(await guarded.restorable()).length, (await forced.restorable()).length], [100, 49]);
  });

  it('allows exactly half, and the configured share', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, names(50));
    const share = async (purgeShare?: number) => {
      const bucket = await bucketOf(names(100));
      const options = { now: bucket.now, ...(purgeShare !== undefined && { purgeShare }) };
      const { stopped, counts } = await purgeGone(bucket.store, scratch.path, options);
      return [stopped?.code, counts['tombstones']];
    };
    assert.deepEqual(await share(), [undefined, 50]);
    assert.deepEqual(await share(49), ['TOO_MANY_GONE', 0]);
    assert.deepEqual(await share(0), ['TOO_MANY_GONE', 0]);
  });

  it('allows up to 20 metrics, so that a small tree can be cleaned up', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['m000']);
    for (const [count, expected] of [
      [21, 20],
      [22, 0],
    ] as const) {
      const bucket = await bucketOf(names(count));
      const { counts } = await purgeGone(bucket.store, scratch.path, { now: bucket.now });
      assert.equal(counts['tombstones'], expected);
    }
  });

  it('adds up metrics that go missing in successive nights', async () => {
    await using scratch = await createScratch();
    const nights = async (force: boolean): Promise<[Bucket, string[]]> => {
      await plantMetrics(scratch.path, names(100));
      const bucket = await bucketOf(names(100));
      const said: string[] = [];
      for (let night = 0; night < 2; night++) {
        for (const name of names(100).slice(night * 40, night * 40 + 40)) await rm(scratch.at(`${name}.wsp`));
        const { stopped } = await purgeGone(bucket.store, scratch.path, { now: bucket.now, force });
        said.push(stopped?.code ?? 'went on');
        bucket.time = new Date(bucket.time.getTime() + DAY);
      }
      bucket.time = new Date(bucket.time.getTime() + 45 * DAY);
      // The first 40 are due, and that is less than half.
      await purgeGone(bucket.store, scratch.path, { now: bucket.now, force });
      return [bucket, said];
    };
    const [guarded, said] = await nights(false);
    assert.deepEqual(said, ['went on', 'TOO_MANY_GONE']);
    const [forced] = await nights(true);
    assert.deepEqual([(await guarded.restorable()).length, (await forced.restorable()).length], [60, 20]);
  });

  it('ignores metrics that went missing more than 7 days ago', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, names(30));
    const bucket = await bucketOf(names(100));
    for (const name of names(100).slice(30, 70)) await bucket.tombstone(name, daysAgo(8));
    const { stopped, counts } = await purgeGone(bucket.store, scratch.path, { now: bucket.now });
    assert.deepEqual([stopped, counts['tombstones']], [undefined, 30]);
  });

  it("uses the store's time of a tombstone, so that a wrong clock cannot hide missing metrics", async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, names(30));
    const bucket = await bucketOf(names(100));
    for (const name of names(100).slice(30, 70)) await bucket.tombstone(name, daysAgo(20), daysAgo(1));
    const { stopped } = await purgeGone(bucket.store, scratch.path, { now: bucket.now });
    assert.equal(stopped?.code, 'TOO_MANY_GONE');
  });

  it('stops if too many deletions are due', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, names(49));
    const marked = async () => {
      const bucket = new Bucket();
      for (const name of names(100)) await bucket.backup(name, daysAgo(100));
      for (const name of names(100).slice(49)) await bucket.tombstone(name, daysAgo(46));
      return bucket;
    };
    assert.deepEqual(await guardedAndForced(marked, scratch.path), [
      [100, 'TOO_MANY_DUE'],
      [49, 'went on'],
    ]);
    assert.deepEqual(await guardedAndForced(() => bucketOf(names(100)), scratch.path, { purge: 0 }), [
      [100, 'TOO_MANY_DUE'],
      [49, 'went on'],
    ]);
  });
});

/** A listing in which two objects of the same metric are not adjacent. */
function misplacing(bucket: Bucket, isMisplaced: (object: StoredObject) => boolean): ObjectStore {
  return delegate(bucket.store, {
    async *list(range) {
      const late: StoredObject[] = [];
      for await (const object of bucket.store.list(range)) {
        if (isMisplaced(object)) late.push(object);
        else yield object;
      }
      yield* late;
    },
  });
}

describe('the guard for the order', () => {
  it('stops if a listing does not ascend', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const fill = async () => {
      const bucket = new Bucket();
      await bucket.backup('alive', daysAgo(3));
      await bucket.backup('m', daysAgo(100));
      await bucket.tombstone('m', daysAgo(60));
      // The metric was back, and is missing again for less than a day.
      await bucket.backup('m', daysAgo(1));
      await bucket.backup('z', daysAgo(3));
      return bucket;
    };
    const newest = (object: StoredObject) => object.key.startsWith('m/2026-11-21');
    const runs = await guardedAndForced(fill, scratch.path, {}, (bucket) => misplacing(bucket, newest));
    assert.deepEqual(runs, [
      [4, 'DISORDER'],
      // The tombstone looked as if no backup were newer.
      [3, 'went on'],
    ]);
  });

  it('stops before its end if only the second listing does not ascend', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['c/alive']);
    const bucket = new Bucket();
    for (const path of ['a', 'b', 'c/alive', 'd', 'e']) await bucket.backup(path, daysAgo(9));
    let listings = 0;
    const second = delegate(bucket.store, {
      list: (range) => {
        // Each pass lists twice, for keys with a leading slash.
        const store = ++listings > 2 ? misplacing(bucket, ({ key }) => key.startsWith('b/')) : bucket.store;
        return store.list(range);
      },
    });
    const { stopped } = await purgeGone(second, scratch.path, { now: bucket.now, purge: 0 });
    assert.equal(stopped?.code, 'DISORDER');
    const left = await bucket.restorable();
    for (const kept of ['b 2026-11-13', 'c.alive 2026-11-13']) assert.ok(left.includes(kept), kept);
  });
});

describe('the guard for the clock', () => {
  it('stops if the clocks of host and store differ by more than 5 minutes', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const fill = async () => {
      const bucket = new Bucket();
      await bucket.backup('m', daysAgo(100));
      await bucket.tombstone('m', daysAgo(2));
      return bucket;
    };
    // A host whose clock is two months ahead.
    const now = () => daysAgo(-60);
    assert.deepEqual(await guardedAndForced(fill, scratch.path, { now }), [
      [1, 'CLOCK_OFF'],
      [0, 'went on'],
    ]);
  });

  it('allows 5 minutes in either direction, and a store that does not report its clock', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const codeAt = async (seconds: number | undefined) => {
      const bucket = await bucketOf(['m']);
      const told = seconds === undefined ? undefined : new Date(bucket.time.getTime() + seconds * 1000);
      const store = delegate(bucket.store, { clock: async () => told });
      return (await purgeGone(store, scratch.path, { now: bucket.now })).stopped?.code;
    };
    assert.deepEqual(await Promise.all([-300, 0, 300, undefined].map(codeAt)), [
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    assert.deepEqual(await Promise.all([-301, 301].map(codeAt)), ['CLOCK_OFF', 'CLOCK_OFF']);
  });

  it('does not depend on the duration of the run', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive', 'slow']);
    const bucket = await bucketOf(['alive', 'dead']);
    const slow = delegate(bucket.store, {
      async put(key, body, options) {
        if (key.startsWith('slow/')) bucket.time = new Date(bucket.time.getTime() + 6 * HOUR);
        await bucket.store.put(key, body, options);
      },
    });
    // A backup stored hours after the start has that date, which is not a wrong clock.
    await plantMetric(scratch.path, 'zlast');
    await bucket.backup('zlast', daysAgo(3), metricFile(99));
    const { stopped, counts } = await backUp(slow, scratch.path, { now: bucket.now });
    assert.equal(stopped, undefined);
    assert.equal(counts['tombstones'], 1);
    const again = await backUp(bucket.store, scratch.path, { now: bucket.now });
    assert.equal(again.stopped, undefined);
  });

  it('also stops retention if a newest backup is more than an hour ahead', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['m']);
    const run = async (minutes: number, options: Partial<BackupOptions> = {}): Promise<[number, string]> => {
      const bucket = new Bucket();
      await bucket.backup('m', daysAgo(2), metricFile(2));
      await bucket.backup('m', new Date(bucket.time.getTime() + minutes * 60_000), metricFile(3));
      await bucket.backup('gone', daysAgo(2));
      return outcome(
        bucket,
        backUp(bucket.store, scratch.path, { now: bucket.now, retention: 1, purge: 0, ...options }),
      );
    };
    // Two old ones and the new one of `m`, and that of `gone`.
    assert.deepEqual(await run(61), [4, 'BACKUP_AHEAD']);
    assert.deepEqual(await run(61, { force: true }), [1, 'went on']);
    assert.deepEqual(await run(59), [1, 'went on']);
  });
});

describe('the guard for the owner', () => {
  it('stops a purge and a backup from another machine, before anything else', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['mine']);
    const stranger = { id: 'another', host: 'web02' };
    const fill = async () => {
      const bucket = await bucketOf(names(10));
      await bucket.put(
        '.whisper-backup/owner.json',
        daysAgo(90),
        new TextEncoder().encode(JSON.stringify({ machineId: stranger.id, host: stranger.host, since: '' })),
      );
      return bucket;
    };
    const bucket = await fill();
    const before = await bucket.keys();
    const isForeign = (error: unknown) => error instanceof GuardError && error.code === 'FOREIGN_BUCKET';
    await assert.rejects(purgeGone(bucket.store, scratch.path, { now: bucket.now, purge: 0 }), isForeign);
    await assert.rejects(purgeGone(bucket.store, scratch.path, { now: bucket.now, purge: 0, force: true }), isForeign);
    await assert.rejects(backUp(bucket.store, scratch.path, { now: bucket.now, purge: 0 }), isForeign);
    assert.deepEqual(await bucket.keys(), before);
    // Taken over, the stranger's metrics are missing here, and go.
    await purgeGone(bucket.store, scratch.path, { now: bucket.now, purge: 0, adopt: true });
    assert.deepEqual(await bucket.restorable(), []);
  });
});

describe('the guard for the prefix of a bucket', () => {
  it('stops a backup and a purge of another prefix before anything is written', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['servers/a', 'servers/b']);
    await plantMetrics(scratch.at('other'), ['c']);
    const bucket = new Bucket();
    await backUp(bucket.store, scratch.at('tree'), { now: bucket.now });
    const before = await bucket.keys();
    for (const prefix of [scratch.at('other'), scratch.at('tree', 'servers')])
      for (const command of [backUp, purgeGone])
        await assert.rejects(command(bucket.store, prefix, { now: bucket.now, force: true, purge: 0 }), {
          code: 'OTHER_PREFIX',
        });
    assert.deepEqual(await bucket.keys(), before);
    // The other tree may use its own storage path, or adopt the bucket.
    await backUp(bucket.store, scratch.at('other'), { now: bucket.now, storagePath: 'other' });
    await backUp(bucket.store, scratch.at('other'), { now: bucket.now, adopt: true });
    await assert.rejects(backUp(bucket.store, scratch.at('tree'), { now: bucket.now }), { code: 'OTHER_PREFIX' });
  });
});

describe('force', () => {
  it('logs what it will do, and why the guard would have stopped', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, names(10));
    const bucket = await bucketOf(names(100));
    const said: string[] = [];
    const report = { log: (level: string, message: string) => said.push(`${level}: ${message}`), progress() {} };
    await purgeGone(bucket.store, scratch.path, { now: bucket.now, purge: 0, force: true, report });
    const [first] = said.filter((line) => line.startsWith('warn: '));
    assert.match(first ?? '', /Continuing because of --force, although the backups of 90 metrics are due for deletion/);
    assert.match(first ?? '', /About to purge 90 of 100 metrics/);
    assert.equal(said.filter((line) => /Purging all 1 backups of m\d+/.test(line)).length, 90);
  });
});

describe('retention after a backup', () => {
  const run = (bucket: Bucket, prefix: string, options: Partial<BackupOptions> = {}) =>
    backUp(bucket.store, prefix, { now: bucket.now, ...options });

  it('keeps the old backup if the new one could not be stored', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['m']);
    const bucket = new Bucket();
    await bucket.backup('m', daysAgo(2), metricFile(7));
    const full = delegate(bucket.store, {
      async put(key, body, options) {
        if (key.startsWith('m/')) throw Object.assign(new Error('no space'), { code: 'PERMANENT' });
        await bucket.store.put(key, body, options);
      },
    });
    const { counts } = await backUp(full, scratch.path, { now: bucket.now, retention: 1 });
    assert.deepEqual([counts['failed'], counts['retired']], [1, 0]);
    assert.deepEqual(await bucket.restorable(), ['m 2026-11-20']);
    // The old backup is deleted only after the new one is stored: otherwise there would be none now.
    const done = await run(bucket, scratch.path, { retention: 1 });
    assert.deepEqual([done.counts['stored'], done.counts['retired']], [1, 1]);
    assert.deepEqual(await bucket.restorable(), ['m 2026-11-22']);
  });

  it('expires backups of unchanged metrics, and keeps those within keepWithin', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['idle']);
    const fill = async () => {
      const bucket = new Bucket();
      for (const days of [40, 30, 20, 10]) await bucket.backup('idle', daysAgo(days), metricFile(days));
      await bucket.backup('idle', daysAgo(5), metricFile(1));
      return bucket;
    };
    const left = async (options: Partial<BackupOptions>) => {
      const bucket = await fill();
      const { counts } = await run(bucket, scratch.path, options);
      assert.equal(counts['unchanged'], 1);
      return (await bucket.restorable()).length;
    };
    assert.equal(await left({ retention: 2 }), 2);
    assert.equal(await left({ retention: 2, keepWithin: 25 }), 3);
    assert.equal(await left({ retention: 5 }), 5);
  });

  it('keeps and reports the largest backup while a metric has shrunk, and expires it after purge days', async () => {
    await using scratch = await createScratch();
    const large = metricFile(1, { known: 60 });
    const bucket = new Bucket();
    await bucket.backup('m', daysAgo(1), large);
    let shrunk = 0;
    const sizes: number[] = [];
    for (let night = 0; night < 5; night++) {
      await plantMetric(scratch.path, 'm', metricFile(10 + night, { known: 1 }));
      const { counts, notes } = await run(bucket, scratch.path, { retention: 2, purge: 3 });
      shrunk += counts['shrunk'] ?? 0;
      assert.equal(
        notes.some(({ code, metric }) => code === 'SHRUNK' && metric === 'm'),
        counts['shrunk'] === 1,
      );
      sizes.push((await bucket.restorable()).length);
      bucket.time = new Date(bucket.time.getTime() + DAY);
    }
    // The two newest, the large one, and the first after it; until that is 4 days old.
    assert.deepEqual(sizes, [2, 3, 4, 4, 2]);
    assert.equal(shrunk, 4);
    const [first] = await restorable(bucket.store);
    assert.equal(first, 'm 2026-11-25');
  });
});
