import { after } from 'node:test';
import { createScratch } from '../fixtures/scratch.ts';
import { startSwift } from '../servers/swift.ts';
import { swiftPlace } from './place.ts';
import { killStore } from './suite.ts';

const scratch = await createScratch();
const swift = await startSwift(await scratch.directory('swift'));
after(async () => {
  await swift.stop();
  await scratch[Symbol.asyncDispose]();
});
const place = swiftPlace(swift);
let made = 0;
killStore(
  () => place,
  'swift',
  24,
  () => scratch.directory(`ground${made++}`),
);
