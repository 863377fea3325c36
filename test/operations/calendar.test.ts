import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JudgedBackup } from '../../lib/expiry/judged.ts';
import { withDryRun } from '../../lib/store/decorators/dry-run.ts';
import { Bucket } from '../fixtures/bucket.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { backUp, purgeGone, restoreTree } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { readTree } from '../fixtures/tree.ts';

const DAY = 86_400_000;
const at = (text: string) => new Date(`${text}Z`);

describe('a backup with calendar rules', () => {
  it('keeps the end of each month restorable over all metrics, also of unchanged ones and of the Python tool', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    // Two pairs of the Python tool, of which only the later one is the state at the end of July.
    const [older, idle] = [metricFile(1), metricFile(2)];
    await bucket.pair('idle', at('2026-07-02T02:00:00'), older);
    await bucket.pair('idle', at('2026-07-30T02:00:00'), idle);
    const tree = scratch.at('tree');
    await plantMetric(tree, 'idle', idle);
    /** The tree at the end of each month, by the first day of the next. */
    const ends = new Map<string, Map<string, Uint8Array>>();
    let seed = 10;
    for (let time = at('2026-08-20T02:00:00').getTime(); time < at('2026-11-22T12:00:00').getTime(); time += DAY) {
      bucket.time = new Date(time);
      await plantMetric(tree, 'busy', metricFile(++seed));
      if (bucket.time.getUTCDate() === 17) await plantMetric(tree, 'monthly', metricFile(++seed));
      if (bucket.time.getUTCDate() === 1) ends.set(bucket.time.toISOString().slice(0, 10), await readTree(tree));
      const rules = { retention: 2, keepMonthly: 4, keepWeekly: 1 };
      await backUp(bucket.store, tree, { now: bucket.now, ...rules });
      // A tree as it was backed up the day before.
      if (bucket.time.getUTCDate() === 1) {
        const before = ends.get(bucket.time.toISOString().slice(0, 10));
        before?.set('busy.wsp', metricFile(seed - 1));
      }
    }
    assert.deepEqual([...ends.keys()], ['2026-09-01', '2026-10-01', '2026-11-01']);
    for (const [day, files] of ends) {
      const restored = scratch.at(`restored-${day}`);
      await restoreTree(bucket.store, restored, { date: at(`${day}T00:00:00`), now: bucket.now });
      assert.deepEqual(await readTree(restored), files, `the state at the end of the month before ${day}`);
    }
    // Three month's ends, the last two, and the end of last week, which is the day before yesterday.
    assert.equal((await bucket.keys('busy/')).length, 3 + 2);
    assert.deepEqual(await bucket.keys('idle/'), [
      'idle/2026-07-02T02:00:00+00:00.sha1',
      'idle/2026-07-02T02:00:00+00:00.wsp.gz',
      'idle/2026-07-30T02:00:00+00:00.sha1',
      'idle/2026-07-30T02:00:00+00:00.wsp.gz',
    ]);
    // With fewer, a pair goes as a whole.
    await backUp(bucket.store, tree, { now: bucket.now, retention: 1, keepMonthly: 4 });
    assert.deepEqual((await bucket.keys('idle/')).length, 2);
  });

  it('names in a dry run for every backup the rule that keeps it, or why it goes, and deletes nothing', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const tree = scratch.at('tree');
    const days = ['2026-09-03', '2026-10-31', '2026-11-01', '2026-11-19', '2026-11-20', '2026-11-22'];
    for (const [i, day] of days.entries()) await bucket.backup('a', at(`${day}T02:00:00`), metricFile(i));
    await bucket.backup('gone', at('2026-08-01T02:00:00'), metricFile(9));
    await bucket.tombstone('gone', at('2026-08-02T02:00:00'));
    await plantMetric(tree, 'a', metricFile(days.length - 1));
    await plantMetric(tree, 'new', metricFile(7));
    const before = await bucket.keys();
    const judged: JudgedBackup[] = [];
    const rules = { retention: 1, keepWithin: 2.5, keepMonthly: 2, keepDaily: 2, force: true };
    const onJudged = (backups: readonly JudgedBackup[]) => void judged.push(...backups);
    const dry = { now: bucket.now, dryRun: true, onJudged };
    await backUp(withDryRun(bucket.store), tree, { ...dry, ...rules });
    assert.deepEqual(
      judged.map(({ metric, date, keptBy, deletedBecause }) => [metric, date.slice(0, 10), keptBy, deletedBecause]),
      [
        ['a', '2026-09-03', undefined, 'no rule keeps it'],
        ['a', '2026-10-31', 'keep-monthly 2026-10', undefined],
        ['a', '2026-11-01', undefined, 'no rule keeps it'],
        ['a', '2026-11-19', undefined, 'no rule keeps it'],
        ['a', '2026-11-20', 'keep-within', undefined],
        ['a', '2026-11-22', 'retention', undefined],
        ['gone', '2026-08-01', undefined, 'missing since 2026-08-02T02:00:00+00:00'],
      ],
    );
    judged.length = 0;
    await purgeGone(withDryRun(bucket.store), tree, { ...dry, force: true });
    assert.deepEqual(judged.filter(({ keptBy }) => keptBy === 'purge').length, days.length);
    assert.deepEqual(
      judged.filter(({ keptBy }) => keptBy !== 'purge').map(({ metric }) => metric),
      ['gone'],
    );
    assert.deepEqual(await bucket.keys(), before);
  });

  it('refuses a negative number, before anything is stored', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await plantMetric(scratch.at('tree'), 'a');
    for (const rule of ['keepDaily', 'keepWeekly', 'keepMonthly', 'keepYearly'])
      await assert.rejects(
        backUp(bucket.store, scratch.at('tree'), { [rule]: -1 }),
        new RegExp(`'${rule}' must be 0 or more`),
      );
    assert.deepEqual(await bucket.keys(), []);
  });
});
