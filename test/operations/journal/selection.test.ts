import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GuardError } from '../../../lib/common/errors.ts';
import { lastFullRun } from '../../../lib/journal/runs.ts';
import { JournalHost } from '../../fixtures/journal-host.ts';
import { machine } from '../../fixtures/operations.ts';
import { createScratch } from '../../fixtures/scratch.ts';

describe('a journal run of some metrics', () => {
  it('does not count for how far the journal reaches', async () => {
    await using scratch = await createScratch();
    const host = await JournalHost.journaled(scratch);
    const last = host.bucket.time;
    await host.pass(2);
    await host.journal({ metrics: 'sum' });
    const found = await lastFullRun(
      host.bucket.store,
      {},
      {
        signal: new AbortController().signal,
        onDamaged: ({ reason }) => assert.fail(reason),
      },
    );
    assert.deepEqual(found, last);
  });

  it('leaves the marks of the others alone', async () => {
    await using scratch = await createScratch();
    const host = await JournalHost.journaled(scratch);
    await host.pass(2);
    const some = (await host.journal({ metrics: 'sum' })).counts;
    assert.deepEqual([some.metrics, some.journaled, some.points], [1, 1, 3]);
    await host.pass(2);
    const { counts } = await host.journal();
    // From the last run of each: `sum` has two new points, `average` four.
    assert.deepEqual([counts.journaled, counts.points], [2, 3 + 5]);
    await host.compare();
  });
});

describe('a journal of another machine', () => {
  it('is refused, and continues with --adopt', async () => {
    await using scratch = await createScratch();
    const host = await JournalHost.journaled(scratch);
    await host.pass(2);
    const other = { machine: { ...machine, id: 'another machine' } };
    const before = await host.bucket.keys();
    await assert.rejects(host.journal(other), GuardError);
    assert.deepEqual(await host.bucket.keys(), before);
    assert.equal((await host.journal({ ...other, adopt: true })).counts.journaled, 2);
    await host.compare();
  });
});
