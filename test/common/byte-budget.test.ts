import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ByteBudget } from '../../lib/common/byte-budget.ts';

const MIB = 2 ** 20;

describe('ByteBudget', () => {
  it('never exceeds its bytes, except for a single larger task', async () => {
    const budget = new ByteBudget(10 * MIB);
    let bytes = 0;
    let tasks = 0;
    let most = 0;
    const sizes = [1, 2, 3, 9, 4, 20, 1, 1, 1, 10, 5, 5, 0, 7, 3].map((size) => size * MIB);
    await Promise.all(
      sizes.map((size) =>
        budget.run(size, async () => {
          bytes += size;
          tasks++;
          most = Math.max(most, tasks);
          assert.ok(bytes <= 10 * MIB || tasks === 1, `${tasks} tasks with ${bytes} bytes`);
          for (let i = 0; i < 5; i++) await setImmediate();
          bytes -= size;
          tasks--;
        }),
      ),
    );
    assert.ok(most > 1, 'nothing ran side by side');
  });

  it('starts tasks in call order, so that small ones cannot starve a large one', async () => {
    const budget = new ByteBudget(10 * MIB);
    const begun: number[] = [];
    const sizes = [6, 10, 1, 1, 1, 1];
    await Promise.all(
      sizes.map((size, i) =>
        budget.run(size * MIB, async () => {
          begun.push(i);
          await setImmediate();
        }),
      ),
    );
    assert.deepEqual(begun, [0, 1, 2, 3, 4, 5]);
  });

  it('frees the bytes of a failed task, and returns the result or error of each task', async () => {
    const budget = new ByteBudget(MIB);
    await assert.rejects(
      budget.run(MIB, async () => {
        throw new Error('no');
      }),
      /no/,
    );
    assert.equal(await budget.run(MIB, async () => 'yes'), 'yes');
  });
});
