import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { catalog } from '../../lib/bucket/catalog.ts';
import { PartitionRecorder } from '../../lib/bucket/partitions.ts';
import { join, type Ordered } from '../../lib/common/merge.ts';
import { each } from '../../lib/common/pages.ts';
import { withLimit } from '../../lib/store/decorators/limit.ts';
import { withRetry } from '../../lib/store/decorators/retry.ts';
import { madeUpMetric, madeUpStore } from '../fixtures/made-up.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** What is really held, in MB. */
function heldMegabytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed / 1e6;
}

async function* tree(metrics: number): AsyncGenerator<Ordered[]> {
  for (let i = 0; i < metrics; i++) yield [{ order: `${madeUpMetric(i)}/` }];
}

/** Merges a tree with a bucket of so many metrics, as a run does. @returns the most that it held meanwhile, in MB. */
async function mergeMetrics(metrics: number): Promise<number> {
  const plain = madeUpStore(metrics);
  const recorder = new PartitionRecorder();
  for (let i = 0; i < metrics; i++) recorder.recordMetric(`${madeUpMetric(i)}/`, 5);
  await recorder.save(plain, {});
  const store = withLimit(withRetry(plain), { concurrency: 16 });
  const partitions = new PartitionRecorder();
  const onDisorder = () => assert.fail('the listing was not in order');
  const before = heldMegabytes();
  let most = 0;
  let merged = 0;
  const steps = join(tree(metrics), catalog(store, {}, { onDisorder, partitions }));
  for await (const { left, right } of each(steps)) {
    assert.ok(left && right && right.backups.length === 5);
    if (++merged % Math.floor(metrics / 6) === 0) most = Math.max(most, heldMegabytes() - before);
  }
  assert.equal(merged, metrics);
  return most;
}

describe('a bucket of any size', () => {
  it('is merged with the tree in constant memory', async () => {
    const small = await mergeMetrics(8_000);
    const large = await mergeMetrics(24_000);
    // Of three times as many nothing more may be kept: all of it would be some 40 MB more.
    assert.ok(large < small + 15, `${large.toFixed(1)} MB for 120,000 objects, ${small.toFixed(1)} for 40,000`);
    assert.ok(large < 50, `${large.toFixed(1)} MB are held`);
  });
});
