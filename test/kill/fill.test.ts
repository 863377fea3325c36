import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { randomFrom } from '../../bench/trees/seeded-random.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { SEED } from '../fixtures/seed.ts';
import { fillJob } from './fill-job.ts';
import { KILLS, sumOf } from './quota.ts';
import { endsOf } from './suite.ts';

const scratch = await createScratch();
after(() => scratch[Symbol.asyncDispose]());
endsOf('file', 'fill', async () => fillJob(await scratch.directory('fill'), randomFrom(SEED + 1)));

it('all volleys together kill 200 runs or more', () => {
  assert.ok(sumOf(KILLS) >= 200);
});
