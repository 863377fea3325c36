import assert from 'node:assert/strict';
import { rm, symlink } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { silent } from '../../lib/common/report.ts';
import { RunRecords } from '../../lib/monitoring/bucket-records.ts';
import { prune } from '../../lib/operations/prune/prune-bucket.ts';
import { withDryRun } from '../../lib/store/decorators/dry-run.ts';
import { withoutDeletes } from '../../lib/store/decorators/no-deletes.ts';
import { DeniedError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { backUp, journalTree, machine, purgeGone, verifyAll } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';

const DAY = 86_400_000;

/** What credentials allow that may put and list everything, but get only what is the tool's own, and delete nothing. */
function policed(store: ObjectStore): ObjectStore {
  const denied = (what: string) => {
    throw new DeniedError(`Cannot ${what}: access denied`);
  };
  return delegate(store, {
    get: async (key, options) => (key.startsWith('.whisper-backup/') ? store.get(key, options) : denied(`read ${key}`)),
    delete: async (keys) => denied(`delete ${keys}`),
  });
}

describe('a host that may put and list, and deletes nothing', () => {
  it('backs up and journals for 30 days; a file that reappears is stored anew, which voids its tombstone', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const store = withoutDeletes(policed(bucket.store));
    const tree = scratch.at('tree');
    const marks = { file: scratch.at('marks') };
    const options = { now: bucket.now, retention: 1, purge: 1 };
    for (const path of ['comes', 'goes', 'stays']) await plantMetric(tree, path, metricFile(1));
    const ever = new Set<string>();
    for (let day = 0; day < 30; day++) {
      bucket.time = new Date(daysAgo(30).getTime() + day * DAY);
      await plantMetric(tree, 'stays', metricFile(100 + day, { now: bucket.time.getTime() / 1000 }));
      if (day === 5) await rm(`${tree}/comes.wsp`);
      if (day === 10) await plantMetric(tree, 'comes', metricFile(1));
      if (day === 12) await rm(`${tree}/goes.wsp`);
      for (const { counts, stopped, failed } of [
        await backUp(store, tree, options),
        await journalTree(store, tree, { now: bucket.now, marks, journalKeep: 3 }),
        await purgeGone(store, tree, options),
      ])
        assert.deepEqual([stopped, failed, counts['deleted'] ?? 0], [undefined, [], 0], `day ${day}`);
      const keys = new Set(await bucket.keys());
      for (const key of ever) assert.ok(keys.has(key), `${key} is gone`);
      for (const key of keys) ever.add(key);
    }
    assert.deepEqual(
      (await bucket.tombstones()).map((key) => key.slice(0, -'T12:00:00+00:00.gone'.length)),
      ['comes/2026-10-28', 'goes/2026-11-04', 'goes/2026-11-12', 'goes/2026-11-20'],
    );
    // The same content again, dated after the tombstone.
    assert.deepEqual(
      (await bucket.restorable()).filter((text) => text.startsWith('comes')),
      ['comes 2026-10-23', 'comes 2026-11-02'],
    );
  });

  it('marks every week what is still missing, and prune deletes nothing of a file that is back, even if it cannot be read', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const store = withoutDeletes(policed(bucket.store));
    const tree = scratch.at('tree');
    for (const path of ['damaged', 'blind', 'gone', 'stays']) await plantMetric(tree, path, metricFile(1));
    const days = async (count: number) => {
      for (let i = 0; i < count; i++) {
        bucket.time = new Date(bucket.time.getTime() + DAY);
        await backUp(store, tree, { now: bucket.now });
      }
    };
    await days(1);
    for (const path of ['damaged', 'blind', 'gone']) await rm(`${tree}/${path}.wsp`);
    await days(10);
    await plantMetric(tree, 'damaged', new Uint8Array(100).fill(1));
    // A loop: what it leads to is not missing.
    await symlink('blind.wsp', `${tree}/blind.wsp`);
    await days(40);
    const pruned = () => prune(bucket.store, { report: silent, now: bucket.now, purge: 30, purgeShare: 100 });
    assert.deepEqual([(await pruned()).counts['purged'], (await bucket.keys('gone/')).length], [1, 0]);
    const left = new Set((await bucket.restorable()).map((text) => text.split(' ')[0]));
    assert.deepEqual([...left].sort(), ['blind', 'damaged', 'stays']);
    await plantMetric(tree, 'damaged', metricFile(1));
    await days(1);
    await pruned();
    assert.deepEqual(
      (await bucket.keys('damaged/')).filter((key) => key.endsWith('.gone')),
      [],
    );
  });

  it('is not purged of a file that was missing twice, and could not be read for longer in between', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const store = withoutDeletes(policed(bucket.store));
    const tree = scratch.at('tree');
    for (const path of ['damaged', 'stays']) await plantMetric(tree, path, metricFile(1));
    const purged: unknown[] = [];
    const days = async (count: number) => {
      for (let i = 0; i < count; i++) {
        bucket.time = new Date(bucket.time.getTime() + DAY);
        await backUp(store, tree, { now: bucket.now });
        purged.push((await prune(bucket.store, { report: silent, now: bucket.now, purge: 20 })).counts['purged']);
      }
    };
    await days(1);
    await rm(`${tree}/damaged.wsp`);
    await days(1);
    await plantMetric(tree, 'damaged', new Uint8Array(100).fill(1));
    await days(25);
    // An operator moves the damaged file away, to restore it.
    await rm(`${tree}/damaged.wsp`);
    await days(21);
    assert.deepEqual([new Set(purged), (await bucket.restorable()).length], [new Set([0]), 2]);
    // It is marked once a week.
    await days(8);
    assert.deepEqual([purged.filter((count) => count === 1).length, await bucket.keys('damaged/')], [1, []]);
  });

  it('plans no deletion in a dry run, keeps all run records, and refuses to repair', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const days of [3, 2, 1]) await bucket.backup('a', daysAgo(days), metricFile(days));
    await bucket.backup('gone', daysAgo(90));
    await bucket.tombstone('gone', daysAgo(80));
    await plantMetric(scratch.at('tree'), 'a', metricFile(1));
    const store = withoutDeletes(policed(bucket.store));
    const { counts } = await backUp(withDryRun(store), scratch.at('tree'), {
      now: bucket.now,
      retention: 1,
      dryRun: true,
    });
    assert.deepEqual([counts['retired'], counts['purged'], counts['deleted']], [0, 0, 0]);
    await assert.rejects(verifyAll(store, { repair: { machine } }), { code: 'INVALID_OPTION' });
    const records = new RunRecords({});
    const times = { started: bucket.time.toISOString(), finished: bucket.time.toISOString() };
    const record = {
      program: '1',
      host: 'web01',
      machine: machine.id,
      command: 'backup',
      seconds: 1,
      ...times,
    } as const;
    for (let i = 0; i < 50; i++)
      await records.keep(
        store,
        { ...record, exitCode: 0, interval: 86_400 },
        new Date(bucket.time.getTime() + i * 1000),
      );
    assert.equal((await bucket.keys('.whisper-backup/runs/')).length, 50);
  });
});
