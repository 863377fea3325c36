import { after } from 'node:test';
import { createScratch } from '../fixtures/scratch.ts';
import { diskPlace } from './place.ts';
import { killStore } from './suite.ts';

const scratch = await createScratch();
after(() => scratch[Symbol.asyncDispose]());
const place = diskPlace(await scratch.directory('buckets'));
let made = 0;
killStore(
  () => place,
  'disk',
  80,
  () => scratch.directory(`ground${made++}`),
);
