import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { batched } from '../../lib/common/pages.ts';

async function* inPages(weights: readonly number[], size: number): AsyncGenerator<readonly number[]> {
  yield [];
  for (let i = 0; i < weights.length; i += size) yield weights.slice(i, i + size);
}

describe('batched', () => {
  it('keeps all items in order, and yields a batch as soon as it is full', async () => {
    const limits = { items: 5, weight: 10 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 12 })),
        fc.integer({ min: 1, max: 9 }),
        async (weights, size) => {
          const batches: (readonly number[])[] = [];
          for await (const batch of batched(inPages(weights, size), (weight) => weight, limits)) batches.push(batch);
          assert.deepEqual(batches.flat(), weights);
          const isFull = (batch: readonly number[]) =>
            batch.length >= limits.items || batch.reduce((a, b) => a + b, 0) >= limits.weight;
          for (const [i, batch] of batches.entries()) {
            assert.ok(batch.length > 0);
            assert.ok(!isFull(batch.slice(0, -1)), 'it was full before');
            assert.ok(isFull(batch) || i === batches.length - 1, 'it was not full yet');
          }
        },
      ),
    );
  });
});
