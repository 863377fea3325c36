import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { backupKey } from '../../../lib/bucket/layout.ts';
import { codeOf } from '../../../lib/common/errors.ts';
import { silent } from '../../../lib/common/report.ts';
import type { Summary } from '../../../lib/common/summary.ts';
import { formatTimestamp } from '../../../lib/common/timestamp.ts';
import type { JudgedBackup } from '../../../lib/expiry/judged.ts';
import { addHold, listHolds, releaseHold } from '../../../lib/operations/holds/holds.ts';
import { type PruneOptions, prune } from '../../../lib/operations/prune/prune-bucket.ts';
import { withDryRun } from '../../../lib/store/decorators/dry-run.ts';
import { withoutDeletes } from '../../../lib/store/decorators/no-deletes.ts';
import { DeniedError, NotFoundError } from '../../../lib/store/errors.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { Bucket, daysAgo } from '../../fixtures/bucket.ts';
import { delegate } from '../../fixtures/delegate.ts';
import { metricFile, plantMetric } from '../../fixtures/metric.ts';
import { backUp, codesOf, machine, purgeGone, verifyAll } from '../../fixtures/operations.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';

function pruneBucket(store: ObjectStore, _tree: string, options: PruneOptions): Promise<Summary> {
  return prune(store, options);
}

const text = (content: string) => new TextEncoder().encode(content);

/** A metric with a backup of each day, and its file; the backup of the day before yesterday is a pair. */
async function daily(scratch: Scratch, days: number, path = 'a'): Promise<{ bucket: Bucket; tree: string }> {
  const bucket = new Bucket();
  const tree = scratch.at('tree');
  for (let day = days; day >= 1; day--) {
    if (day === 2) await bucket.pair(path, daysAgo(day), metricFile(day));
    else await bucket.backup(path, daysAgo(day), metricFile(day));
  }
  await plantMetric(tree, path, metricFile(1));
  return { bucket, tree };
}

function hold(bucket: Bucket, name: string, options: Partial<Parameters<typeof addHold>[1]> = {}) {
  return addHold(bucket.store, { report: silent, now: bucket.now, name, ...options });
}

function release(bucket: Bucket, name: string): Promise<void> {
  return releaseHold(bucket.store, { report: silent, name });
}

/** The days of the backups that are left. */
async function days(bucket: Bucket, metric = 'a'): Promise<number[]> {
  const keys = (await bucket.keys(`${metric}/`)).filter((key) => key.includes('.wsp.'));
  return keys.map((key) =>
    Math.round((daysAgo(0).getTime() - Date.parse(key.slice(metric.length + 1, metric.length + 26))) / 86_400_000),
  );
}

describe('a hold', () => {
  it('keeps the newest backup before its date from retention, until it is released', async () => {
    await using scratch = await createScratch();
    const { bucket, tree } = await daily(scratch, 6);
    const { backups } = await hold(bucket, 'incident', { date: daysAgo(3.5) });
    assert.equal(backups, 1);
    // A pair is held as a whole.
    await hold(bucket, 'pair', { date: daysAgo(1.5) });
    const { counts } = await backUp(bucket.store, tree, { now: bucket.now, retention: 1 });
    assert.deepEqual(await days(bucket), [4, 2, 1]);
    assert.equal(counts['held'], 2);
    assert.equal((await bucket.keys('a/')).length, 4);
    await release(bucket, 'incident');
    await release(bucket, 'pair');
    await backUp(bucket.store, tree, { now: bucket.now, retention: 1 });
    assert.deepEqual(await days(bucket), [1]);
    assert.deepEqual(await listHolds(bucket.store, { report: silent }), []);
  });

  it('ends at its --until', async () => {
    await using scratch = await createScratch();
    const { bucket, tree } = await daily(scratch, 6);
    await hold(bucket, 'audit', { date: daysAgo(3.5), until: daysAgo(-10), reason: 'audit' });
    await backUp(bucket.store, tree, { now: bucket.now, retention: 1 });
    assert.deepEqual(await days(bucket), [4, 1]);
    bucket.time = daysAgo(-11);
    await backUp(bucket.store, tree, { now: bucket.now, retention: 1 });
    assert.deepEqual(await days(bucket), [1]);
    const [listed] = await listHolds(bucket.store, { report: silent });
    assert.ok(listed && 'name' in listed);
    assert.deepEqual([listed.reason, listed.until], ['audit', daysAgo(-10)]);
  });

  it('holds only metrics that match, without a date their newest backup now', async () => {
    await using scratch = await createScratch();
    const { bucket, tree } = await daily(scratch, 3);
    await bucket.backup('servers/b', daysAgo(2), metricFile(2));
    await plantMetric(tree, 'servers/b', metricFile(3));
    const { backups } = await hold(bucket, 'servers', { metrics: 'servers.*' });
    assert.equal(backups, 1);
    await backUp(bucket.store, tree, { now: bucket.now, retention: 1 });
    assert.deepEqual(await days(bucket), [1]);
    assert.deepEqual(await days(bucket, 'servers.b'), [2, 0]);
  });

  it('keeps its backups when the metric is purged, with the tombstone, so that the rest goes only once', async () => {
    await using scratch = await createScratch();
    const { bucket, tree } = await daily(scratch, 6);
    await plantMetric(tree, 'other', metricFile(9));
    await bucket.tombstone('a', daysAgo(0.5));
    await rm(`${tree}/a.wsp`);
    await hold(bucket, 'incident', { date: daysAgo(3.5) });
    bucket.time = daysAgo(-50);
    const options = { now: bucket.now };
    const judged: JudgedBackup[] = [];
    const onJudged = (backups: readonly JudgedBackup[]) => void judged.push(...backups);
    await purgeGone(withDryRun(bucket.store), tree, { ...options, dryRun: true, onJudged });
    assert.deepEqual(
      judged.map(({ keptBy, deletedBecause = '' }) => keptBy ?? deletedBecause.slice(0, 7)),
      ['missing', 'missing', 'hold incident', 'missing', 'missing', 'missing'],
    );
    const first = await purgeGone(bucket.store, tree, options);
    assert.deepEqual([first.counts['purged'], await days(bucket)], [1, [4]]);
    assert.equal((await bucket.tombstones()).length, 1);
    const second = await purgeGone(bucket.store, tree, options);
    assert.deepEqual([second.counts['purged'], second.counts['deleted']], [0, 0]);
    await release(bucket, 'incident');
    const third = await purgeGone(bucket.store, tree, options);
    assert.deepEqual([third.counts['purged'], await bucket.keys('a/')], [1, []]);
  });

  it('is respected even if it was added while the backup was running', async () => {
    await using scratch = await createScratch();
    const { bucket, tree } = await daily(scratch, 6);
    const store = delegate(bucket.store, {
      // After the first pass, when everything was judged.
      async flush(options) {
        await bucket.store.flush(options);
        if ((await bucket.keys('.whisper-backup/holds/')).length === 0)
          await hold(bucket, 'late', { date: daysAgo(3.5) });
      },
    });
    await backUp(store, tree, { now: bucket.now, retention: 1 });
    assert.deepEqual(await days(bucket), [4, 1]);
  });

  it('that is added while a run deletes ends its deletion with the next batch', async () => {
    await using scratch = await createScratch();
    for (const command of [backUp, pruneBucket]) {
      const bucket = new Bucket();
      const names = Array.from({ length: 520 }, (_, i) => `m${String(i).padStart(3, '0')}`);
      const body = gzipSync(metricFile());
      for (const name of names)
        for (const day of [5, 4, 3]) {
          const sha1 = String(day).repeat(40);
          await bucket.put(backupKey('', name, formatTimestamp(daysAgo(day)), sha1, 'gz'), daysAgo(day), body);
        }
      await plantMetric(scratch.at('tree'), 'other');
      let deletes = 0;
      const store = delegate(bucket.store, {
        async delete(keys, options) {
          const failures = await bucket.store.delete(keys, options);
          if (deletes++ === 0) await hold(bucket, 'late', { date: daysAgo(4.5), metrics: names.at(-1) ?? '' });
          return failures;
        },
      });
      const warnings: string[] = [];
      const report = {
        log: (level: string, line: string) => void (level === 'warn' && warnings.push(line)),
        progress() {},
      };
      const rules = { now: bucket.now, retention: 1, force: true, report };
      const { counts, stopped } = await command(store, scratch.at('tree'), rules);
      assert.deepEqual([deletes, counts['deleted'], stopped], [1, 1000, undefined]);
      assert.match(warnings.join(), /holds .* have changed.*the next run deletes the rest/);
      assert.deepEqual(await days(bucket, names.at(-1)), [5, 4, 3]);
      await command(bucket.store, scratch.at('tree'), rules);
      assert.deepEqual(await days(bucket, names.at(-1)), [5, 3]);
      await rm(scratch.at('tree'), { recursive: true });
    }
  });

  it('that is released and added anew with another date while a run deletes ends its deletion, too', async () => {
    const bucket = new Bucket();
    for (const day of [5, 4, 3, 2, 1]) await bucket.backup('a', daysAgo(day), metricFile(day));
    await hold(bucket, 'x', { date: daysAgo(0.5) });
    let reads = 0;
    let isChanged = false;
    const store = delegate(bucket.store, {
      async *list(range) {
        if (range?.prefix?.includes('holds')) reads++;
        // The holds are read before each of the two passes.
        else if (reads === 2 && !isChanged) {
          isChanged = true;
          await release(bucket, 'x');
          bucket.time = new Date(bucket.time.getTime() + 1);
          await hold(bucket, 'x', { date: daysAgo(2.5) });
        }
        yield* bucket.store.list(range);
      },
    });
    const { counts } = await prune(store, { report: silent, now: bucket.now, retention: 1 });
    assert.deepEqual([counts['deleted'], await days(bucket)], [0, [5, 4, 3, 2, 1]]);
    await prune(bucket.store, { report: silent, now: bucket.now, retention: 1 });
    assert.deepEqual(await days(bucket), [3, 1]);
  });

  it('names a remedy that works if it cannot be read: another one for an object that is no hold', async () => {
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(3));
    for (const [name, remedy] of [
      ['x.json', /"hold release x"/],
      ['note.txt', /Delete this object with the store's own tools/],
      ['a b.json', /Delete this object with the store's own tools/],
      ['x/y.json', /Delete this object with the store's own tools/],
    ] as const) {
      const key = `.whisper-backup/holds/${name}`;
      await bucket.put(key, daysAgo(1), new Uint8Array());
      await assert.rejects(prune(bucket.store, { report: silent, now: bucket.now }), (error: Error) => {
        assert.ok(error.message.includes(key));
        assert.match(error.message, remedy);
        return true;
      });
      await bucket.store.delete([key]);
    }
  });

  it('is released elsewhere if this host must not delete', async () => {
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(3));
    await hold(bucket, 'x');
    await assert.rejects(releaseHold(withoutDeletes(bucket.store), { report: silent, name: 'x' }), {
      code: 'INVALID_OPTION',
      message: /release the hold x of .*: release it where deletes are allowed/,
    });
  });

  it('that cannot be read stops all deletion, even with --force, and is named; what changed is stored', async () => {
    const bodies = {
      damaged: text('{'),
      newer: text('{"format":"whisper-backup hold 2","created":"2026-11-01","date":"2026-11-01","metrics":"*"}'),
      'without-date': text('{"format":"whisper-backup hold 1","created":"2026-11-01","metrics":"*"}'),
      'bad-date': text('{"format":"whisper-backup hold 1","created":"2026-11-01","date":"soon","metrics":"*"}'),
    };
    for (const [name, body] of Object.entries(bodies)) {
      await using scratch = await createScratch();
      const { bucket, tree } = await daily(scratch, 4);
      await bucket.tombstone('a', daysAgo(3.5));
      await bucket.put(`.whisper-backup/holds/${name}.json`, daysAgo(1), body);
      await plantMetric(tree, 'new', metricFile(8));
      const { counts, stopped } = await backUp(bucket.store, tree, { now: bucket.now, retention: 1, force: true });
      assert.deepEqual([stopped?.code, counts['deleted'], counts['stored']], ['HOLD_UNREADABLE', 0, 1], name);
      assert.match(stopped?.message ?? '', new RegExp(`holds/${name}\\.json`));
      assert.deepEqual(await days(bucket), [4, 3, 2, 1]);
      const purged = await purgeGone(bucket.store, tree, { now: bucket.now, purge: 0, force: true });
      assert.deepEqual([purged.stopped?.code, purged.counts['deleted']], ['HOLD_UNREADABLE', 0]);
      await assert.rejects(verifyAll(bucket.store, { repair: { machine }, now: bucket.now }), {
        code: 'HOLD_UNREADABLE',
      });
      // Releasing is the way out, also for one that nobody can read.
      await release(bucket, name);
      const after = await backUp(bucket.store, tree, { now: bucket.now, retention: 1 });
      assert.deepEqual([after.stopped, await days(bucket)], [undefined, [1]]);
    }
  });

  it('whose object is refused, or whose listing fails, stops all deletion, too', async () => {
    await using scratch = await createScratch();
    const { bucket, tree } = await daily(scratch, 4);
    await hold(bucket, 'incident', { date: daysAgo(3.5) });
    const isHold = (name: string | undefined) => name?.startsWith('.whisper-backup/holds/') ?? false;
    const refused = delegate(bucket.store, {
      async get(key, options) {
        if (isHold(key)) throw new DeniedError(`Cannot read ${key}: access denied`);
        return bucket.store.get(key, options);
      },
    });
    const unlisted = delegate(bucket.store, {
      list(range) {
        if (isHold(range?.prefix)) throw new DeniedError('Cannot list: access denied');
        return bucket.store.list(range);
      },
    });
    for (const store of [refused, unlisted]) {
      const { stopped } = await backUp(store, tree, { now: bucket.now, retention: 1 });
      assert.deepEqual([stopped?.code, await days(bucket)], ['HOLD_UNREADABLE', [4, 3, 2, 1]]);
    }
  });

  it('that is listed although its object is not found stops all deletion; one that was released meanwhile does not', async () => {
    await using scratch = await createScratch();
    const { bucket, tree } = await daily(scratch, 4);
    await hold(bucket, 'incident', { date: daysAgo(3.5) });
    let isReleased = false;
    const missing = delegate(bucket.store, {
      async get(key, options) {
        if (!key.includes('/holds/')) return bucket.store.get(key, options);
        if (isReleased) await release(bucket, 'incident').catch(() => {});
        throw new NotFoundError(`Cannot read ${key}: not found`);
      },
    });
    const { stopped } = await backUp(missing, tree, { now: bucket.now, retention: 1 });
    assert.deepEqual([stopped?.code, await days(bucket)], ['HOLD_UNREADABLE', [4, 3, 2, 1]]);
    isReleased = true;
    const after = await backUp(missing, tree, { now: bucket.now, retention: 1 });
    assert.deepEqual([after.stopped, await days(bucket)], [undefined, [1]]);
  });

  it('keeps a damaged backup in its place, which verify --repair reports', async () => {
    const bucket = new Bucket();
    const file = gzipSync(metricFile(1));
    const key = backupKey('', 'a', formatTimestamp(daysAgo(3)), '0'.repeat(40), 'gz');
    await bucket.put(key, daysAgo(3), file);
    await hold(bucket, 'incident');
    const options = { now: bucket.now, readData: true, repair: { machine } };
    const { counts, damaged, notes } = await verifyAll(bucket.store, options);
    assert.deepEqual([counts['damaged'], counts['moved'], damaged?.[0]?.movedTo], [1, 0, undefined]);
    assert.deepEqual(codesOf(notes), { a: 'HELD' });
    assert.deepEqual(await days(bucket), [3]);
    await release(bucket, 'incident');
    const again = await verifyAll(bucket.store, options);
    assert.deepEqual([again.counts['moved'], await days(bucket)], [1, []]);
  });

  it('is refused if it would keep nothing, has ended, has a date in the future, exists already, or has a name that is no key', async () => {
    await using scratch = await createScratch();
    const { bucket } = await daily(scratch, 3);
    const code = (name: string, options = {}) => hold(bucket, name, options).then(() => 'added', codeOf);
    assert.equal(await code('a', { metrics: 'b*' }), 'NOTHING_MATCHED');
    assert.equal(await code('a', { date: daysAgo(30) }), 'NOTHING_MATCHED');
    assert.equal(await code('a', { until: bucket.time }), 'INVALID_OPTION');
    // Until then later backups would take the place of what it keeps now.
    assert.equal(await code('a', { date: daysAgo(-365) }), 'INVALID_OPTION');
    for (const name of ['', '../a', 'a/b', '.a', 'ä', 'a b', 'a'.repeat(129)])
      assert.equal(await code(name), 'INVALID_OPTION', name);
    assert.deepEqual(await bucket.keys('.whisper-backup/'), []);
    assert.equal(await code('a'), 'added');
    assert.equal(await code('a'), 'HOLD_EXISTS');
    assert.equal(await release(bucket, 'b').then(() => '', codeOf), 'NO_HOLD');
  });

  it('is in its own storage path', async () => {
    await using scratch = await createScratch();
    const { bucket, tree } = await daily(scratch, 4);
    await bucket.put(`sp/a/${formatTimestamp(daysAgo(3))}.${'0'.repeat(40)}.wsp.gz`, daysAgo(3), text('x'));
    await hold(bucket, 'here', { storagePath: 'sp' });
    await bucket.put('sp/.whisper-backup/holds/damaged.json', daysAgo(1), text('{'));
    const { stopped } = await backUp(bucket.store, tree, { now: bucket.now, retention: 1 });
    assert.deepEqual([stopped, await days(bucket)], [undefined, [1]]);
  });
});
