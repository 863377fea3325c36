/**
 * Writes to and reads from an S3 store, opens it, and prints whether the SDK was loaded before and after opening. Run by `s3.test.ts` in a process of its
 * own, since the SDK would warn but once in each.
 */
import { createRequire } from 'node:module';
import { createS3Store } from '../../../lib/store/drivers/s3/s3.ts';

const sdk = createRequire(import.meta.url).resolve('@aws-sdk/client-s3');
const loaded = () => (createRequire(import.meta.url).cache[sdk] ? 'loaded' : 'not loaded');

const store = createS3Store({
  bucket: 'backups',
  endpoint: process.argv[2] ?? '',
  accessKeyId: 'AKIDTEST',
  secretAccessKey: 'hunter2secret',
  region: 'us-east-1',
});
await store.put('a', new Uint8Array(1));
await store.get('a', { maxBytes: 1000 });
const before = loaded();
await store.open({ create: false });
console.log(`${before}, ${loaded()}, opened`);
await store.close();
