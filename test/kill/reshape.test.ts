import { after } from 'node:test';
import { randomFrom } from '../../bench/trees/seeded-random.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { SEED } from '../fixtures/seed.ts';
import { createGround } from './ground.ts';
import { diskPlace } from './place.ts';
import { reshapeJob } from './reshape-job.ts';
import { endsOf } from './suite.ts';

const scratch = await createScratch();
after(() => scratch[Symbol.asyncDispose]());
const place = diskPlace(await scratch.directory('buckets'));
endsOf('disk', 'reshape', async () => {
  const random = randomFrom(SEED + 2);
  const ground = await createGround(await scratch.directory('ground'), place, { bucket: 'reshaped', random });
  return reshapeJob(ground, 60);
});
