import assert from 'node:assert/strict';
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { InvalidOptionError } from '../../lib/common/errors.ts';
import type { Summary } from '../../lib/common/summary.ts';
import type { PurgeOptions } from '../../lib/operations/purge/purge.ts';
import { withDryRun } from '../../lib/store/decorators/dry-run.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { BucketMissingError, TransientError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { Bucket, daysAgo, restorable } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { plantMetric, plantMetrics } from '../fixtures/metric.ts';
import { codesOf, purgeGone } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { sh } from '../fixtures/sh.ts';
import { runAsNobody } from '../fixtures/unprivileged.ts';
import { createMemoryStore } from '../store/memory-store.ts';

/** Purges a bucket at the time of its clock. */
function run(bucket: Bucket, prefix: string, options: Partial<PurgeOptions> = {}): Promise<Summary> {
  return purgeGone(bucket.store, prefix, { now: bucket.now, ...options });
}

/** Does the same in two equal buckets, and returns what can still be restored from each. */
async function compare(
  fill: (bucket: Bucket) => Promise<unknown>,
  ...ways: readonly ((bucket: Bucket) => Promise<unknown>)[]
): Promise<string[][]> {
  const left: string[][] = [];
  for (const way of ways) {
    const bucket = new Bucket();
    await fill(bucket);
    await way(bucket);
    left.push(await bucket.restorable());
  }
  return left;
}

describe('purge', () => {
  it('marks a missing metric first, and keeps its backups, however old', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const fill = async (bucket: Bucket) => {
      await bucket.backup('alive', daysAgo(1));
      await bucket.backup('idle', daysAgo(400));
    };
    const bucket = new Bucket();
    await fill(bucket);
    const { counts } = await run(bucket, scratch.path);
    assert.deepEqual(await bucket.tombstones(), ['idle/2026-11-22T12:00:00+00:00.gone']);
    assert.deepEqual([counts['tombstones'], counts['purged'], counts['deleted']], [1, 0, 0]);
    // Counted from its last backup it would have gone at once.
    const [marked, unmarked] = await compare(
      fill,
      (bucket) => run(bucket, scratch.path),
      (bucket) => run(bucket, scratch.path, { purge: 0 }),
    );
    assert.deepEqual(marked, ['alive 2026-11-21', 'idle 2025-10-18']);
    assert.deepEqual(unmarked, ['alive 2026-11-21']);
  });

  it('deletes all backups 45 days after the tombstone, and the tombstone with them', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const bucket = new Bucket();
    await bucket.backup('gone', daysAgo(5));
    await bucket.backup('gone', daysAgo(3));
    await bucket.pair('gone', daysAgo(4));
    const begun = bucket.time.getTime();
    for (let night = 0; night <= 45; night++) {
      bucket.time = new Date(begun + night * 86_400_000);
      const { counts } = await run(bucket, scratch.path);
      assert.deepEqual([counts['tombstones'], counts['purged']], [night === 0 ? 1 : 0, 0], `night ${night}`);
    }
    assert.equal((await bucket.restorable()).length, 3);
    bucket.time = new Date(begun + 45 * 86_400_000 + 1000);
    const { counts } = await run(bucket, scratch.path);
    assert.deepEqual([counts['purged'], counts['deleted']], [1, 5]);
    assert.deepEqual(await bucket.keys('gone'), []);
  });

  it('deletes the backups at once with 0, and never with -1', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const [atOnce, never] = await compare(
      async (bucket) => {
        await bucket.backup('gone', daysAgo(1000));
        await bucket.tombstone('gone', daysAgo(900));
        await bucket.backup('new', daysAgo(1));
      },
      (bucket) => run(bucket, scratch.path, { purge: 0 }),
      (bucket) => run(bucket, scratch.path, { purge: -1 }),
    );
    assert.deepEqual(atOnce, []);
    assert.equal(never?.length, 2);
  });

  it('deletes the tombstone of a file that exists again, so that a later absence counts from then', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const fill = async (bucket: Bucket) => {
      await bucket.backup('flaky', daysAgo(100));
      await bucket.tombstone('flaky', daysAgo(60));
    };
    const [voided, notSeen] = await compare(
      fill,
      async (bucket) => {
        await plantMetrics(scratch.path, ['flaky']);
        const { counts } = await run(bucket, scratch.path);
        assert.equal(counts['deleted'], 1);
        assert.deepEqual(await bucket.tombstones(), []);
        await rm(scratch.at('flaky.wsp'));
        await run(bucket, scratch.path);
        assert.equal((await bucket.tombstones()).length, 1);
      },
      // Had the tombstone stayed, the absence of a minute would have been one of 60 days.
      (bucket) => run(bucket, scratch.path),
    );
    assert.deepEqual([voided?.length, notSeen?.length], [1, 0]);
  });

  it('invalidates a tombstone that is older than a backup, even while the metric is missing', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const [voided, older] = await compare(
      async (bucket) => bucket.tombstone('m', daysAgo(60)),
      async (bucket) => {
        await bucket.backup('m', daysAgo(100));
        await bucket.backup('m', daysAgo(10));
        await run(bucket, scratch.path);
        assert.deepEqual(await bucket.tombstones(), ['m/2026-11-22T12:00:00+00:00.gone']);
      },
      async (bucket) => {
        await bucket.backup('m', daysAgo(100));
        await bucket.backup('m', daysAgo(70));
        await run(bucket, scratch.path);
      },
    );
    assert.deepEqual([voided?.length, older?.length], [2, 0]);
  });

  it('dates a tombstone after the newest backup if the clock is behind it, so that it is valid', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const bucket = new Bucket();
    await bucket.backup('m', new Date(bucket.time.getTime() + 1_800_000));
    await run(bucket, scratch.path);
    assert.deepEqual(await bucket.tombstones(), ['m/2026-11-22T12:30:01+00:00.gone']);
    bucket.time = new Date(bucket.time.getTime() + 60_000);
    const { counts } = await run(bucket, scratch.path);
    assert.deepEqual([counts['tombstones'], counts['deleted']], [0, 0]);
  });

  it('uses the later of a tombstone’s date and the store’s date of it', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const [byStore, byBoth] = await compare(
      (bucket) => bucket.backup('m', daysAgo(200)),
      async (bucket) => {
        // Written yesterday by a host whose clock was months behind.
        await bucket.tombstone('m', daysAgo(100), daysAgo(1));
        await run(bucket, scratch.path);
      },
      async (bucket) => {
        await bucket.tombstone('m', daysAgo(100));
        await run(bucket, scratch.path);
      },
    );
    assert.deepEqual([byStore?.length, byBoth?.length], [1, 0]);
  });

  it('purges only metrics that match the glob and are not excluded', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const fill = async (bucket: Bucket) => {
      for (const path of ['dead/a', 'dead/b', 'other/c']) await bucket.backup(path, daysAgo(9));
    };
    const left = await compare(
      fill,
      (bucket) => run(bucket, scratch.path, { purge: 0, metrics: 'dead.*' }),
      (bucket) => run(bucket, scratch.path, { purge: 0, exclude: ['*.b', 'other.*'] }),
      (bucket) => run(bucket, scratch.path, { purge: 0 }),
    );
    assert.deepEqual(left, [['other.c 2026-11-13'], ['dead.b 2026-11-13', 'other.c 2026-11-13'], []]);
    const bucket = new Bucket();
    await fill(bucket);
    await run(bucket, scratch.path, { metrics: 'dead.*', exclude: ['*.b'] });
    assert.deepEqual(await bucket.tombstones(), ['dead.a/2026-11-22T12:00:00+00:00.gone']);
  });

  it('treats a metric as missing only if the system reports ENOENT', async () => {
    await using scratch = await createScratch();
    const tree = await scratch.directory('tree');
    await plantMetrics(tree, ['alive']);
    const fill = async (bucket: Bucket) => {
      for (const path of ['file/a', 'loop/b', `${'x'.repeat(252)}/c`]) await bucket.backup(path, daysAgo(9));
    };
    // ENOTDIR, ELOOP.
    await writeFile(scratch.at('tree', 'file'), '');
    await symlink('loop', scratch.at('tree', 'loop'));
    const [guarded] = await compare(fill, (bucket) => run(bucket, tree, { purge: 0 }));
    await rm(scratch.at('tree', 'file'));
    await rm(scratch.at('tree', 'loop'));
    const [without] = await compare(fill, (bucket) => run(bucket, tree, { purge: 0 }));
    assert.deepEqual([guarded?.length, without?.length], [2, 0]);
  });

  it('treats nothing as missing below a directory that cannot be listed, and reports it', async () => {
    await using scratch = await createScratch();
    const tree = await scratch.directory('tree');
    await plantMetrics(tree, ['alive', 'closed/live', 'lookup/live']);
    const path = scratch.at('bucket');
    const fill = async () => {
      await rm(path, { recursive: true, force: true });
      const store = createDiskStore({ path });
      await store.open({ create: true });
      const bucket = new Bucket();
      for (const metric of ['alive', 'closed/live', 'closed/dead', 'lookup/live', 'lookup/dead', 'dead'])
        await bucket.backup(metric, daysAgo(9));
      for (const key of await bucket.keys()) await store.put(key, await bucket.store.get(key, { maxBytes: 1e6 }));
      sh`chown -R 65534:65534 ${path}`;
      return store;
    };
    // The second may be passed through: lstat(2) answers there, and readdir(3) does not.
    await chmod(scratch.at('tree', 'closed'), 0o000);
    await chmod(scratch.at('tree', 'lookup'), 0o311);
    const guarded = await fill();
    const summary = await runAsNobody('purge', tree, path);
    assert.ok('failed' in summary);
    assert.deepEqual(codesOf(summary.failed), { [`${tree}/closed`]: 'EACCES', [`${tree}/lookup`]: 'EACCES' });
    assert.deepEqual(
      (await restorable(guarded)).map((line) => line.split(' ')[0]),
      [...['alive', 'closed.dead', 'closed.live', 'lookup.dead', 'lookup.live']],
    );
    await guarded.close();
    // To root nothing is closed: the two that are gone indeed go.
    const open = await fill();
    await purgeGone(open, tree, { purge: 0, adopt: true });
    assert.deepEqual(
      (await restorable(open)).map((line) => line.split(' ')[0]),
      ['alive', 'closed.live', 'lookup.live'],
    );
    await open.close();
  });

  it('keeps pairs that may belong to a local file with dots in its name', async () => {
    await using scratch = await createScratch();
    const fill = (bucket: Bucket) => bucket.pair('a/b/c', daysAgo(100));
    await plantMetrics(scratch.path, ['alive', 'a/b.c']);
    const [guarded] = await compare(fill, async (bucket) => {
      const { counts } = await run(bucket, scratch.path);
      assert.equal(counts['tombstones'], 0);
      await run(bucket, scratch.path, { purge: 0 });
    });
    await rm(scratch.at('a', 'b.c.wsp'));
    const [without] = await compare(fill, (bucket) => run(bucket, scratch.path, { purge: 0 }));
    assert.deepEqual([guarded?.length, without?.length], [1, 0]);
  });

  it('distinguishes two metrics whose backups have one name', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['.a']);
    const bucket = new Bucket();
    // Under the name `%2Ea` there are pairs of the path `%2Ea`, and backups of ours of the path `.a`.
    await bucket.pair('%2Ea', daysAgo(9));
    await bucket.backup('.a', daysAgo(3));
    await run(bucket, scratch.path);
    assert.deepEqual(await bucket.tombstones(), ['%252Ea/2026-11-22T12:00:00+00:00.gone']);
    await run(bucket, scratch.path, { purge: 0 });
    assert.deepEqual(await bucket.restorable(), ['%2Ea 2026-11-19']);
  });

  it('continues if local names are not UTF-8, however many are equal after decoding', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive', 'z']);
    sh({ cwd: scratch.path })`touch m$'\\xff'.wsp m$'\\xfe'.wsp`;
    const bucket = new Bucket();
    for (const path of ['alive', 'dead', 'y', 'z']) await bucket.backup(path, daysAgo(9));
    const { stopped, counts } = await run(bucket, scratch.path, { purge: 0 });
    assert.equal(stopped, undefined);
    assert.deepEqual([counts['purged'], counts['failed']], [2, 2]);
  });

  it('deletes data of incomplete backups once it is a day old, and nothing else', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['m']);
    const bucket = new Bucket();
    const hoursAgo = (hours: number) => new Date(bucket.time.getTime() - hours * 3_600_000);
    const data = new Uint8Array(9);
    await bucket.pair('m', daysAgo(90));
    await bucket.put('m/2026-01-01T00:00:00+00:00.wsp.gz', hoursAgo(25), data);
    await bucket.put('m/2026-01-02T00:00:00+00:00.wsp.gz', hoursAgo(23), data);
    await bucket.put('m/2026-01-03T00:00:00+00:00.sha1', hoursAgo(2500), data);
    await bucket.put('m/2026-01-04T00:00:00+00:00.wsp.gz', hoursAgo(25), new Uint8Array());
    const before = await bucket.keys('m/');
    const { counts, notes } = await run(bucket, scratch.path, { purge: -1 });
    const swept = ['m/2026-01-01T00:00:00+00:00.wsp.gz', 'm/2026-01-04T00:00:00+00:00.wsp.gz'];
    assert.deepEqual(
      await bucket.keys('m/'),
      before.filter((key) => !swept.includes(key)),
    );
    assert.equal(counts['deleted'], 2);
    assert.deepEqual(
      notes.map(({ code }) => code),
      ['LONE_SHA1'],
    );
  });

  it('never deletes a foreign key or anything of another storage path', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const bucket = new Bucket();
    const strange = ['gone/readme', 'gone/2026-11-22.wsp.gz', 'zzz', 'sp/gone/2026-01-01T00:00:00+00:00.wsp.gz'];
    for (const key of strange) await bucket.put(key, daysAgo(900), new Uint8Array(1));
    await bucket.backup('gone', daysAgo(90));
    const { counts } = await run(bucket, scratch.path, { purge: 0 });
    assert.deepEqual(
      (await bucket.keys()).filter((key) => !key.startsWith('.whisper-backup/')),
      strange.toSorted(),
    );
    assert.equal(counts['foreignKeys'], 4);
  });

  it('matches local and stored names under a storage path', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['servers/alive']);
    for (const place of [{ storagePath: 'sp' }, { storagePathRaw: 'sp' }]) {
      const bucket = new Bucket({ root: 'storagePath' in place ? 'sp/' : 'sp' });
      await bucket.backup('servers/alive', daysAgo(90));
      await bucket.backup('servers/gone', daysAgo(90));
      await run(bucket, scratch.path, { purge: 0, ...place });
      assert.deepEqual(await bucket.restorable(place), ['servers.alive 2026-08-24']);
    }
  });

  it('does not apply retention', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['m']);
    const bucket = new Bucket();
    for (let days = 9; days > 0; days--) await bucket.backup('m', daysAgo(days));
    await run(bucket, scratch.path, { retention: 1 });
    assert.equal((await bucket.restorable()).length, 9);
  });

  it('in a dry run writes nothing, and reports what it would do', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive', 'back']);
    const bucket = new Bucket();
    await bucket.backup('alive', daysAgo(9));
    await bucket.backup('back', daysAgo(9));
    await bucket.tombstone('back', daysAgo(3));
    await bucket.backup('due', daysAgo(90));
    await bucket.pair('due', daysAgo(80));
    await bucket.tombstone('due', daysAgo(60));
    await bucket.backup('missing', daysAgo(9));
    await bucket.put('alive/2026-01-01T00:00:00+00:00.wsp.gz', daysAgo(9), new Uint8Array(9));
    const before = await bucket.keys();
    const planned = await run(bucket, scratch.path, { dryRun: true });
    assert.deepEqual(await bucket.keys(), [...before, '.whisper-backup/owner.json'].sort());
    const wrapped = withDryRun(bucket.store);
    await purgeGone(wrapped, scratch.path, { now: bucket.now, dryRun: true });
    assert.deepEqual(wrapped.planned, { puts: 0, bytes: 0, deletes: 0 });
    const done = await run(bucket, scratch.path);
    assert.deepEqual(planned.counts, done.counts);
    assert.deepEqual([done.counts['tombstones'], done.counts['purged'], done.counts['deleted']], [1, 1, 6]);
  });

  it('reports a metric that could not be deleted, keeps its tombstone, and deletes it in the next run', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const bucket = new Bucket();
    await bucket.backup('stuck', daysAgo(90));
    await bucket.tombstone('stuck', daysAgo(60));
    await bucket.backup('gone', daysAgo(90));
    await bucket.tombstone('gone', daysAgo(60));
    const isStuck = (key: string) => key.startsWith('stuck/') && !key.endsWith('.gone');
    const failing = delegate(bucket.store, {
      async delete(keys) {
        await bucket.store.delete(keys.filter((key) => !isStuck(key)));
        return keys.filter(isStuck).map((key) => ({ key, error: new TransientError('busy') }));
      },
    });
    const { counts, failed } = await purgeGone(failing, scratch.path, { now: bucket.now });
    assert.deepEqual(codesOf(failed), { stuck: 'DELETE_FAILED' });
    assert.match(failed[0]?.reason ?? '', /^Cannot delete stuck\/.*: busy$/);
    assert.deepEqual([counts['failed'], counts['deleted']], [1, 2]);
    assert.deepEqual(await bucket.restorable(), ['stuck 2026-08-24']);
    assert.equal((await bucket.tombstones()).length, 1);
    await run(bucket, scratch.path);
    assert.deepEqual(await bucket.keys('stuck/'), []);
  });

  it('deletes no data of a pair whose checksum could not be deleted', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const bucket = new Bucket();
    await bucket.pair('m', daysAgo(90));
    await bucket.tombstone('m', daysAgo(60));
    const failing = delegate(bucket.store, {
      async delete(keys) {
        const [sha1s, others] = [
          keys.filter((key) => key.endsWith('.sha1')),
          keys.filter((key) => !key.endsWith('.sha1')),
        ];
        await bucket.store.delete(others);
        return sha1s.map((key) => ({ key, error: new TransientError('busy') }));
      },
    });
    await purgeGone(failing, scratch.path, { now: bucket.now });
    assert.equal((await bucket.restorable()).length, 1);
  });

  it('resumes a purge that was interrupted at any point, and never leaves a checksum without its data', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    for (let step = 0; step < 3; step++) {
      const bucket = new Bucket();
      await bucket.pair('m', daysAgo(90));
      await bucket.backup('m', daysAgo(80));
      await bucket.tombstone('m', daysAgo(60));
      let steps = 0;
      const cut = delegate(bucket.store, {
        async delete(keys) {
          if (steps++ < step) return bucket.store.delete(keys);
          // Half of them were deleted when the power went.
          await bucket.store.delete(keys.slice(0, Math.ceil(keys.length / 2)));
          throw new TransientError('cut');
        },
      });
      const { failed } = await purgeGone(cut, scratch.path, { now: bucket.now });
      assert.deepEqual(
        failed.map(({ metric, code }) => [metric, code]),
        [['m', 'DELETE_FAILED']],
      );
      const keys = await bucket.keys('m/');
      assert.ok(step > 0 || keys.length > 0);
      for (const sha1 of keys.filter((key) => key.endsWith('.sha1')))
        assert.ok(keys.includes(sha1.replace('.sha1', '.wsp.gz')), `step ${step}`);
      await run(bucket, scratch.path);
      assert.deepEqual(await bucket.keys('m/'), [], `step ${step}`);
    }
  });

  it('deletes only metrics missing in both passes: a tree may be unmounted in between', async () => {
    await using scratch = await createScratch();
    const fill = async (bucket: Bucket) => {
      await plantMetrics(scratch.at('tree'), ['a', 'b', 'c']);
      for (const path of ['a', 'b', 'c', 'gone']) await bucket.backup(path, daysAgo(9));
    };
    const unmounted = (bucket: Bucket): ObjectStore =>
      delegate(bucket.store, {
        // Asked between the two passes.
        async clock() {
          await rename(scratch.at('tree'), scratch.at('away'));
          await mkdir(scratch.at('tree'));
          return bucket.now();
        },
      });
    const purgeUnmounted = async (bucket: Bucket, options: Partial<PurgeOptions>) => {
      await purgeGone(unmounted(bucket), scratch.at('tree'), { now: bucket.now, ...options });
      await rm(scratch.at('tree'), { recursive: true });
      await rename(scratch.at('away'), scratch.at('tree'));
    };
    const [guarded] = await compare(fill, (bucket) => purgeUnmounted(bucket, { purge: 0 }));
    assert.deepEqual(guarded, ['a 2026-11-13', 'b 2026-11-13', 'c 2026-11-13']);
    const bucket = new Bucket();
    await fill(bucket);
    await purgeUnmounted(bucket, {});
    assert.deepEqual(await bucket.tombstones(), ['gone/2026-11-22T12:00:00+00:00.gone']);
    // With the empty tree from the start and no guard, everything would have been purged.
    await rm(scratch.at('tree'), { recursive: true });
    const [without] = await compare(
      async (bucket) => {
        await fill(bucket);
        await rm(scratch.at('tree'), { recursive: true });
        await mkdir(scratch.at('tree'));
      },
      (bucket) => run(bucket, scratch.at('tree'), { purge: 0, force: true }),
    );
    assert.deepEqual(without, []);
  });

  it('stops if nothing matches', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const bucket = new Bucket();
    await bucket.backup('alive', daysAgo(9));
    assert.equal((await run(bucket, scratch.path, { metrics: 'alvie' })).stopped?.code, 'NOTHING_MATCHED');
  });

  it('creates no bucket, and rejects invalid rules', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.path, ['alive']);
    const missing = createMemoryStore({ exists: false });
    await assert.rejects(purgeGone(missing, scratch.path), BucketMissingError);
    const bucket = new Bucket();
    for (const purge of [-2, -0.5, Number.NaN, Number.POSITIVE_INFINITY])
      await assert.rejects(run(bucket, scratch.path, { purge }), InvalidOptionError, String(purge));
    await assert.rejects(run(bucket, scratch.path, { purgeShare: -1 }), InvalidOptionError);
  });

  it('ends when it is aborted, before anything is deleted', async () => {
    await using scratch = await createScratch();
    await plantMetric(scratch.path, 'alive');
    const bucket = new Bucket();
    for (let i = 0; i < 10; i++) await bucket.backup(`m${i}`, daysAgo(9));
    const stop = new AbortController();
    const aborting = delegate(bucket.store, {
      async clock() {
        stop.abort(new Error('told to'));
        return bucket.now();
      },
    });
    const options = { now: bucket.now, purge: 0, signal: stop.signal };
    await assert.rejects(purgeGone(aborting, scratch.path, options), /told to/);
    assert.equal((await bucket.restorable()).length, 10);
  });
});
