import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bucket } from '../fixtures/bucket.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { backUp, codesOf, purgeGone, restoreTree, verifyAll } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';

describe('a backup that is dated 9999', () => {
  it('is a foreign key that every command reports, and does not make the next run store everything again', async () => {
    await using scratch = await createScratch();
    await plantMetric(scratch.at('tree'), 'm', metricFile(1));
    const bucket = new Bucket();
    const key = await bucket.backup('m', new Date('9999-12-31T23:59:59Z'), metricFile(1));
    const stored: unknown[] = [];
    for (let night = 0; night < 2; night++) {
      const { counts, notes, stopped } = await backUp(bucket.store, scratch.at('tree'), { now: bucket.now });
      stored.push(counts['stored'], counts['foreignKeys']);
      assert.deepEqual([codesOf(notes), stopped], [{ [key]: 'DATE_TOO_LATE' }, undefined]);
    }
    assert.deepEqual(stored, [1, 1, 0, 1]);
    for (const run of [
      purgeGone(bucket.store, scratch.at('tree'), { now: bucket.now }),
      restoreTree(bucket.store, scratch.at('restored'), { now: bucket.now }),
      verifyAll(bucket.store, { now: bucket.now }),
    ]) {
      const { notes } = await run;
      assert.equal(codesOf(notes)[key], 'DATE_TOO_LATE');
      assert.match(notes[0]?.reason ?? '', /ignored.*9999.*Rename it/);
    }
    assert.equal((await bucket.keys('m/')).length, 2);
  });
});

describe('a backup at the last second of 9998', () => {
  it('allows no later key: changed files fail with a remedy, instead of being stored in each run', async () => {
    await using scratch = await createScratch();
    await plantMetric(scratch.path, 'm', metricFile(2));
    const bucket = new Bucket();
    await bucket.backup('m', new Date('9998-12-31T23:59:59Z'), metricFile(1));
    const { failed } = await backUp(bucket.store, scratch.path, { now: bucket.now });
    assert.deepEqual(codesOf(failed), { m: 'DATE_TOO_LATE' });
    assert.match(failed[0]?.reason ?? '', /dated 9998-12-31T23:59:59.000Z.*rename/);
    assert.equal((await bucket.keys('m/')).length, 1);
  });
});
