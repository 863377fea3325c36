import { after } from 'node:test';
import { createScratch } from '../fixtures/scratch.ts';
import { startRadosgw } from '../servers/radosgw.ts';
import { s3Place } from './place.ts';
import { killStore } from './suite.ts';

const scratch = await createScratch();
const radosgw = await startRadosgw();
after(async () => {
  await radosgw.stop();
  await scratch[Symbol.asyncDispose]();
});
const place = s3Place(radosgw);
let made = 0;
killStore(
  () => place,
  's3',
  24,
  () => scratch.directory(`ground${made++}`),
);
