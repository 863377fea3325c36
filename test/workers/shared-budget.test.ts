import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type BudgetShare, SharedBudget, ShareSpender } from '../../lib/workers/shared-budget.ts';

const MIB = 2 ** 20;

/** As it comes to another thread. */
const spend = (share: BudgetShare, signal?: AbortSignal) => new ShareSpender(structuredClone(share), signal);

describe('SharedBudget', () => {
  it('never exceeds its bytes, except for a single larger task', async () => {
    const budget = new SharedBudget(10 * MIB, 3);
    let bytes = 0;
    let tasks = 0;
    let most = 0;
    const sizes = [1, 2, 3, 9, 4, 20, 1, 1, 1, 10, 5, 5, 0, 7, 3].map((size) => size * MIB);
    const hold = (mine: readonly number[]) =>
      budget.lend((share) => {
        const spender = spend(share);
        return Promise.all(
          mine.map((size) =>
            spender.run(size, async () => {
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
      });
    await Promise.all([sizes.slice(0, 5), sizes.slice(5, 10), sizes.slice(10)].map(hold));
    assert.ok(most > 1, 'nothing ran side by side');
  });

  it('does not let small tasks starve a large one', async () => {
    const budget = new SharedBudget(10 * MIB, 3);
    let isDone = false;
    let turns = 0;
    const small = (share: BudgetShare) => spend(share).run(6 * MIB, () => setImmediate());
    const many = async (share: BudgetShare) => {
      for (let i = 0; i < 5000 && !isDone; i++) await small(share).then(() => turns++);
    };
    await Promise.all([
      budget.lend(many),
      budget.lend(many),
      budget.lend(async (share) => {
        await spend(share).run(10 * MIB, () => setImmediate());
        isDone = true;
      }),
    ]);
    assert.ok(turns < 5000, `${turns} small tasks came first`);
  });

  it('frees the bytes of a dead holder, and its place in the queue', async () => {
    const budget = new SharedBudget(MIB, 2);
    const died = new Error('died');
    const stopped = new AbortController();
    await budget.lend(async (first) => {
      void spend(first).run(MIB, () => new Promise(() => {}));
      await assert.rejects(
        budget.lend(async (second) => {
          const waiting = spend(second, stopped.signal).run(MIB, () => setImmediate());
          await setImmediate();
          stopped.abort(died);
          await waiting;
        }),
        died,
      );
    });
    assert.equal(await budget.lend((share) => spend(share).run(MIB, async () => 'free')), 'free');
  });
});
