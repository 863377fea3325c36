import { after } from 'node:test';
import { createSwiftStore, type SwiftStoreOptions } from '../../lib/store/swift.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { startSwift } from '../servers/swift.ts';
import { conformance } from './conformance.ts';

const scratch = await createScratch();
const swift = await startSwift(await scratch.directory('swift'));
after(async () => {
  await swift.stop();
  await scratch[Symbol.asyncDispose]();
});

let containers = 0;
function freshContainer(): string {
  return `bucket-${++containers}`;
}

function conforms(name: string, options: Omit<SwiftStoreOptions, 'container'>): void {
  conformance(name, async () => ({
    store: createSwiftStore({ ...options, container: freshContainer() }),
    missing: createSwiftStore({ ...options, container: freshContainer() }),
    dispose: async () => {},
  }));
}

conforms('Swift with auth v1', { auth: { method: 'v1', ...swift.v1 } });
