import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { backupKey, replacedKey, tombstoneKey } from '../../lib/bucket/layout.ts';
import { replacedDate } from '../../lib/bucket/metric.ts';
import { silent } from '../../lib/common/report.ts';
import { formatTimestamp } from '../../lib/common/timestamp.ts';
import type { JudgedBackup } from '../../lib/expiry/judged.ts';
import { addHold } from '../../lib/operations/holds/holds.ts';
import { type PruneOptions, prune } from '../../lib/operations/prune/prune-bucket.ts';
import { withDryRun } from '../../lib/store/decorators/dry-run.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { backUp, codesOf } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { SEEDED, seeded } from '../fixtures/seed.ts';
import { endsOf } from '../model/calendar.ts';

const DAY = 86_400_000;

function run(bucket: Bucket, options: Partial<PruneOptions> = {}, store: ObjectStore = bucket.store) {
  return prune(store, { report: silent, now: bucket.now, ...options });
}

/** An object that a compromised host stores, now by default, under any date. */
async function forge(bucket: Bucket, path: string, named: Date, seed = 0, written = bucket.time): Promise<string> {
  const sha1 = seed.toString(16).padStart(40, 'f');
  const key = backupKey('', path, formatTimestamp(named), sha1, 'gz');
  // As large as a good one: a metric that has shrunk would keep its largest backup.
  await bucket.put(key, written, new Uint8Array(gzipSync(metricFile()).length));
  return key;
}

describe('prune', () => {
  it('keeps exactly what a backup with the same rules would keep, of pairs too', async () => {
    await using scratch = await createScratch();
    const rules = { retention: 2, keepWithin: 3.5, keepWeekly: 2, keepMonthly: 3 };
    const filled = async () => {
      const bucket = new Bucket();
      for (let days = 80; days >= 1; days--) await bucket.backup('a', daysAgo(days), metricFile(days));
      for (let days = 80; days >= 1; days -= 9) await bucket.pair('b', daysAgo(days), metricFile(days));
      return bucket;
    };
    const [pruned, backedUp] = [await filled(), await filled()];
    for (const path of ['a', 'b']) await plantMetric(scratch.at('tree'), path, metricFile(path === 'a' ? 1 : 8));
    await backUp(backedUp.store, scratch.at('tree'), { now: backedUp.now, ...rules });
    const judged: JudgedBackup[] = [];
    const onJudged = (backups: readonly JudgedBackup[]) => void judged.push(...backups);
    const dry = await run(pruned, { ...rules, dryRun: true, onJudged }, withDryRun(pruned.store));
    assert.equal((await pruned.restorable()).length, judged.length);
    const { counts, stopped } = await run(pruned, rules);
    assert.equal(stopped, undefined);
    const own = (key: string) => !key.startsWith('.whisper-backup/');
    assert.deepEqual((await pruned.keys()).filter(own), (await backedUp.keys()).filter(own));
    assert.deepEqual([dry.counts['deleted'], dry.counts['retired']], [counts['deleted'], counts['retired']]);
    assert.deepEqual(
      judged.flatMap(({ key, keptBy }) => (keptBy === undefined ? [] : [key])).sort(),
      (await pruned.keys()).filter((key) => own(key) && !key.endsWith('.sha1')),
    );
    assert.equal((await run(pruned, rules)).counts['deleted'], 0);
  });

  it('purges metrics whose tombstone is due but for what is held, and deletes void tombstones', async () => {
    const bucket = new Bucket();
    for (const path of ['due', 'held', 'young', 'unconfirmed', 'back']) {
      await bucket.backup(path, daysAgo(100), metricFile(1));
      await bucket.backup(path, daysAgo(99), metricFile(2));
    }
    const marks = async (path: string, ...days: number[]) => {
      for (const day of days) await bucket.tombstone(path, daysAgo(day));
    };
    for (const path of ['due', 'held', 'back']) await marks(path, 50, 42, 34, 19.5, 4.5);
    await marks('unconfirmed', 50, 35, 20, 6);
    await bucket.tombstone('young', daysAgo(40));
    await bucket.backup('back', daysAgo(3), metricFile(2));
    await addHold(bucket.store, { report: silent, now: bucket.now, name: 'x', metrics: 'held', date: daysAgo(99.5) });
    const { counts } = await run(bucket);
    assert.deepEqual([counts['purged'], counts['held']], [2, 1]);
    assert.deepEqual(
      (await bucket.restorable()).map((text) => text.split(' ')[0]).join(' '),
      'back back back held unconfirmed unconfirmed young young',
    );
    assert.deepEqual(
      (await bucket.tombstones()).map((key) => key.split('/')[0]),
      [...Array(5).fill('held'), ...Array(4).fill('unconfirmed'), 'young'],
    );
    await bucket.put('.whisper-backup/holds/damaged.json', daysAgo(1), new Uint8Array());
    await assert.rejects(run(bucket, { purge: 1, force: true }), { code: 'HOLD_UNREADABLE' });
  });

  it('deletes what a restore has replaced when no hold keeps it and it is older than a day', async () => {
    const bucket = new Bucket();
    const key = await bucket.backup('a', daysAgo(3));
    const body = await bucket.store.get(key, { maxBytes: 1e6 });
    const keys = [3, 2, 0.5].map((days) => {
      const sha1 = key.slice(key.length - 'wsp.gz'.length - 41, -'.wsp.gz'.length);
      return { days, key: replacedKey(backupKey('', 'a', formatTimestamp(daysAgo(days)), sha1, 'gz')) };
    });
    for (const { days, key } of keys) await bucket.put(key, daysAgo(days), body);
    await addHold(bucket.store, { report: silent, now: bucket.now, name: 'x', date: replacedDate(daysAgo(2)) });
    const { counts } = await run(bucket);
    assert.equal(counts['deleted'], 1);
    assert.deepEqual(await bucket.keys('a/'), [key, ...keys.slice(1).map(({ key }) => key)].sort());
  });

  it('deletes nothing of a metric whose names contradict the time of the store, and reports it', async () => {
    for (const days of [400, 3, -0.2, -3, -4000]) {
      const bucket = new Bucket();
      for (const path of ['a', 'b'])
        for (let day = 5; day >= 1; day--) await bucket.backup(path, daysAgo(day), metricFile(day));
      for (let seed = 0; seed < 9; seed++) await forge(bucket, 'a', daysAgo(days + seed / 10), seed);
      const before = await bucket.keys('a/');
      const { counts, failed, stopped } = await run(bucket, { retention: 1 });
      assert.deepEqual([stopped, counts['contradictions'], codesOf(failed)], [undefined, 1, { a: 'DATE_CONTRADICTS' }]);
      assert.deepEqual(await bucket.keys('a/'), before);
      assert.equal((await bucket.keys('b/')).length, 1);
    }
    // A tombstone, too.
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(100), metricFile(1));
    await bucket.put(tombstoneKey('', 'a', formatTimestamp(daysAgo(90))), bucket.time, new Uint8Array());
    assert.equal((await run(bucket)).counts['contradictions'], 1);
    assert.equal((await bucket.restorable()).length, 1);
  });

  it('keeps the true end of yesterday from a backup that is dated back by less than a day', async () => {
    const bucket = new Bucket();
    for (const day of [3, 2, 1]) await bucket.backup('a', daysAgo(day), metricFile(day));
    bucket.time = new Date('2026-11-22T00:30:00Z');
    await forge(bucket, 'a', new Date('2026-11-21T23:59:59Z'));
    await run(bucket, { retention: 1, keepDaily: 4 });
    assert.deepEqual(
      (await bucket.keys('a/')).map((key) => key.slice(2, 12)),
      ['2026-11-19', '2026-11-20', '2026-11-21', '2026-11-21'],
    );
  });

  it(`never deletes what was the newest at the end of a past day, week or month, whatever is forged, and prunes all other metrics (${SEEDED})`, async () => {
    const calendars = fc.record({
      ...{ keepDaily: fc.constantFrom(0, 3, 10), keepWeekly: fc.constantFrom(0, 2) },
      ...{ keepMonthly: fc.constantFrom(0, 2), keepYearly: fc.constantFrom(0, 1) },
    });
    const hours = (most: number, maxLength: number) =>
      fc.uniqueArray(fc.integer({ min: 13, max: most }), { minLength: 1, maxLength });
    const year = 8766;
    // Hours from the time at which it is written; most contradict nothing.
    const near = fc.oneof(fc.integer({ min: -23, max: 0 }), fc.integer({ min: -23, max: 23 }));
    const far = fc.constantFrom(-56 * year, -year, -46 * 24, -30, 30, 46 * 24, 10 * year);
    const forgery = (named: fc.Arbitrary<number>) =>
      fc.record({
        kind: fc.constantFrom('backup', 'backup', 'backup', 'tombstone'),
        writtenAgo: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 10 * 24 })),
        named,
      });
    const forged = fc.oneof(
      { weight: 3, arbitrary: fc.array(forgery(near), { maxLength: 4 }) },
      { weight: 1, arbitrary: fc.array(forgery(fc.oneof(near, far)), { maxLength: 4 }) },
    );
    await fc.assert(
      fc.asyncProperty(
        calendars,
        fc.oneof(hours(24 * 60, 25), hours(24 * 12, 12)),
        forged,
        async (calendar, good, forged) => {
          const bucket = new Bucket();
          const now = bucket.time.getTime();
          const hoursAgo = (hours: number) => new Date(now - hours * 3_600_000);
          const times = good.map((hours) => hoursAgo(hours).getTime()).sort((a, b) => a - b);
          const plain = new Bucket();
          const keys = new Map<number, string>();
          for (const [i, time] of times.entries()) {
            keys.set(time, await bucket.backup('a', new Date(time), metricFile(i)));
            for (const one of [bucket, plain]) await one.backup('b', new Date(time), metricFile(i));
          }
          let since = now - (now % DAY) + DAY;
          for (const [i, { kind, writtenAgo, named }] of forged.entries()) {
            const written = hoursAgo(writtenAgo);
            const date = new Date(written.getTime() + named * 3_600_000 + (i + 1) * 1000);
            since = Math.min(since, written.getTime());
            if (kind === 'tombstone') await bucket.tombstone('a', date, written);
            else await forge(bucket, 'a', date, i, written);
          }
          const { stopped } = await run(bucket, { retention: 1, ...calendar });
          assert.equal(stopped, undefined);
          const left = new Set(await bucket.keys('a/'));
          for (const end of endsOf(calendar, now).filter((end) => end <= since)) {
            const newest = times.findLast((time) => time < end);
            if (newest !== undefined) assert.ok(left.has(keys.get(newest) ?? ''), new Date(newest).toISOString());
          }
          await run(plain, { retention: 1, ...calendar });
          assert.deepEqual(await bucket.keys('b/'), await plain.keys('b/'));
        },
      ),
      seeded(200),
    );
  });

  it('with --force keeps what it would keep without a backup that is dated ahead, and leaves that', async () => {
    for (const days of [-0.5, -3, -1200]) {
      for (const retention of [1, 2]) {
        const bucket = new Bucket();
        for (let day = 9; day >= 1; day--) await bucket.backup('a', daysAgo(day), metricFile(day));
        const good = await bucket.keys('a/');
        const forged = await forge(bucket, 'a', daysAgo(days));
        const { failed } = await run(bucket, { retention });
        assert.match(failed[0]?.reason ?? '', /^a\/.*: nothing of it was deleted\. If .* delete this object .*--force/);
        const judged: JudgedBackup[] = [];
        const onJudged = (backups: readonly JudgedBackup[]) => void judged.push(...backups);
        const options = { retention, force: true };
        await run(bucket, { ...options, dryRun: true, onJudged }, withDryRun(bucket.store));
        assert.equal(judged.find(({ key }) => key === forged)?.keptBy, 'dated ahead');
        await run(bucket, options);
        assert.deepEqual(await bucket.keys('a/'), [...good.slice(-retention), forged], `${days} ${retention}`);
      }
    }
  });

  it('names in a dry run all backups of a metric with false dates, too', async () => {
    const bucket = new Bucket();
    const keys = [await bucket.backup('a', daysAgo(2)), await forge(bucket, 'a', daysAgo(400))];
    const judged: JudgedBackup[] = [];
    const onJudged = (backups: readonly JudgedBackup[]) => void judged.push(...backups);
    await run(bucket, { dryRun: true, onJudged }, withDryRun(bucket.store));
    assert.deepEqual(
      judged.map(({ key, keptBy }) => [key, keptBy]).sort(),
      keys.map((key) => [key, 'contradicts the clocks']).sort(),
    );
  });

  it('accuses no host if the clock here is behind, nor of a backup that it made during a long run', async () => {
    const bucket = new Bucket();
    for (const path of ['a', 'b'])
      for (const day of [2, 1, 0]) await bucket.backup(path, daysAgo(day), metricFile(day));
    const behind = await run(bucket, { now: () => daysAgo(0.1), retention: 1 });
    assert.deepEqual([behind.stopped?.code, behind.failed, (await bucket.restorable()).length], ['CLOCK_OFF', [], 6]);
    let isFirst = true;
    const slow = delegate(bucket.store, {
      async *list(range) {
        for await (const object of bucket.store.list(range)) {
          if (isFirst && object.key.startsWith('a/')) {
            isFirst = false;
            bucket.time = daysAgo(-0.1);
            await bucket.backup('b', bucket.time, metricFile(9));
          }
          yield object;
        }
      },
    });
    const { failed, stopped } = await run(bucket, { retention: 1 }, slow);
    assert.deepEqual([stopped, failed, isFirst], [undefined, [], false]);
    assert.equal((await bucket.restorable()).at(-1), 'b 2026-11-22');
  });

  it('logs what it deletes: with --debug, and always in a dry run', async () => {
    for (const [dryRun, level, verb] of [
      [true, 'info', 'Would delete'],
      [false, 'debug', 'Deleting'],
    ] as const) {
      const bucket = new Bucket();
      for (const day of [2, 1]) await bucket.backup('a', daysAgo(day), metricFile(day));
      const [key] = await bucket.keys('a/');
      const lines: string[] = [];
      const report = { log: (...[as, text]: string[]) => void lines.push(`${as} ${text}`), progress() {} };
      await run(bucket, { retention: 1, report, dryRun }, dryRun ? withDryRun(bucket.store) : bucket.store);
      assert.ok(lines.includes(`${level} ${verb} ${key}`), lines.join('\n'));
    }
  });

  it('stops if too many metrics are due, or the clock differs from the store', async () => {
    const bucket = new Bucket();
    for (let i = 0; i < 30; i++) {
      await bucket.backup(`m${i}`, daysAgo(100), metricFile(i));
      for (const days of [50, 36, 22, 9, 1]) await bucket.tombstone(`m${i}`, daysAgo(days));
    }
    assert.equal((await run(bucket)).stopped?.code, 'TOO_MANY_DUE');
    assert.equal((await run(bucket, { now: () => daysAgo(-1) })).stopped?.code, 'CLOCK_OFF');
    assert.equal((await bucket.restorable()).length, 30);
    assert.equal((await run(bucket, { force: true })).counts['purged'], 30);
    assert.equal((await run(bucket)).stopped?.code, 'NOTHING_MATCHED');
  });
});
