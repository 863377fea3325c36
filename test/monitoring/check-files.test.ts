import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readChecks, succeededIn, writeCheck } from '../../lib/monitoring/check-files.ts';
import { createScratch } from '../fixtures/scratch.ts';

describe('the record of the last journal run', () => {
  it('does not count a success in another bucket', async () => {
    await using scratch = await createScratch();
    const directory = await scratch.directory('state');
    const check = { part: null, started: '2026-11-22T12:00:00.000Z', finished: null, exitCode: null };
    const read = async () => {
      const found = await readChecks(directory, 'journal', assert.fail);
      assert.ok(found);
      return found;
    };
    await writeCheck(directory, 'journal', { ...check, bucket: 'disk:a', exitCode: 0 });
    for (const bucket of ['disk:a', undefined]) assert.equal(succeededIn(bucket, await read()), check.started);
    assert.equal(succeededIn('disk:b', await read()), undefined);
    await writeCheck(directory, 'journal', { ...check, bucket: 'disk:a', exitCode: 1 });
    assert.equal((await read()).succeeded, check.started);
    await writeCheck(directory, 'journal', { ...check, bucket: 'disk:b' });
    assert.equal((await read()).succeeded, null);
  });
});
