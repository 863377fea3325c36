import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Scratch } from '../../lib/workers/scratch.ts';

describe('scratch memory', () => {
  it('is reused while it is large enough, and grows', async () => {
    const scratch = new Scratch();
    const first = await scratch.lend(async (allocate) => allocate(1000));
    assert.ok(first.length >= 1000);
    assert.equal(await scratch.lend(async (allocate) => allocate(10)), first);
    const larger = await scratch.lend(async (allocate) => allocate(first.length + 1));
    assert.ok(larger.length > first.length);
    assert.equal(await scratch.lend(async (allocate) => allocate(1)), larger);
  });

  it('is never lent to two at once', async () => {
    const scratch = new Scratch();
    await scratch.lend(async (allocate) => allocate(1000));
    await scratch.lend(async (outer) => {
      const mine = outer(1000).fill(1);
      await scratch.lend(async (inner) => inner(1000).fill(2));
      assert.ok(mine.every((byte) => byte === 1));
    });
  });

  it('is lent again after a failure, and not kept if it is huge', async () => {
    const scratch = new Scratch();
    const small = await scratch.lend(async (allocate) => allocate(1000));
    await assert.rejects(
      scratch.lend(() => Promise.reject(new Error('failed'))),
      /failed/,
    );
    assert.equal(await scratch.lend(async (allocate) => allocate(1000)), small);
    const huge = await scratch.lend(async (allocate) => allocate(2 ** 25 + 1));
    assert.ok((await scratch.lend(async (allocate) => allocate(1000))) !== huge);
  });
});
