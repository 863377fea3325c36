import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InvalidOptionError } from '../../lib/common/errors.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { backUp } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';

describe('policies', () => {
  it('give metrics rules of their own: the first that matches counts, the others are the general ones', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const paths = ['servers/a', 'stats/counters/b', 'stats/gauges/c', 'stats/timers/d'];
    for (const path of paths) {
      for (const days of [80, 6, 5, 4, 3, 2, 1]) await bucket.backup(path, daysAgo(days), metricFile(days));
      await plantMetric(scratch.at('tree'), path, metricFile(1));
    }
    const policies = [
      { match: 'stats.counters.*', retention: 1, keepMonthly: 0 },
      { match: 'stats.gauges.*', keepWithin: 3.5 },
      { match: 'stats.*', retention: 4 },
      { match: 'stats.counters.b', retention: 7 },
    ];
    await backUp(bucket.store, scratch.at('tree'), { now: bucket.now, retention: 2, keepMonthly: 3, policies });
    const left = await bucket.restorable();
    const daysOf = (metric: string) =>
      left.filter((text) => text.startsWith(`${metric} `)).map((text) => text.slice(-5));
    assert.deepEqual(
      ['servers.a', 'stats.counters.b', 'stats.gauges.c', 'stats.timers.d'].map((metric) => [
        metric,
        daysOf(metric).join(' '),
      ]),
      [
        ['servers.a', '09-03 11-20 11-21'],
        ['stats.counters.b', '11-21'],
        ['stats.gauges.c', '09-03 11-19 11-20 11-21'],
        ['stats.timers.d', '09-03 11-18 11-19 11-20 11-21'],
      ],
    );
  });

  it('are checked like the general rules, before anything is stored', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await plantMetric(scratch.at('tree'), 'a');
    const refused = (policy: object) =>
      backUp(bucket.store, scratch.at('tree'), { policies: [{ match: 'x.*', ...policy }] }).then(
        () => '',
        (error) => error,
      );
    for (const policy of [{ retention: 0 }, { keepWithin: -1 }, { keepYearly: Number.NaN }]) {
      const error = await refused(policy);
      assert.ok(error instanceof InvalidOptionError);
      assert.match(error.message, /of the policy "x\.\*" must be/);
    }
    assert.deepEqual(await bucket.keys(), []);
  });
});
