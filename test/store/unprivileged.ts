/**
 * Tries every call of a disk store, and prints how each ended as one JSON object. Run by `disk.test.ts` as a user who
 * may do little, since nothing is refused to root.
 */
import { codeOf } from '../../lib/common/errors.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { bytes, keysOf, text } from './collect.ts';

const store = createDiskStore({ path: process.argv[2] ?? '' });
const outcomes: Record<string, string> = {};

async function attempt(name: string, call: () => Promise<string>): Promise<void> {
  outcomes[name] = await call().catch(codeOf);
}

await attempt('open to read', async () => {
  await store.open({ create: false });
  return 'done';
});
await attempt('open to write', async () => {
  await store.open({ create: true });
  return 'done';
});
await attempt('list', async () => (await keysOf(store)).join(' '));
await attempt('list a/', async () => (await keysOf(store, { prefix: 'a/' })).join(' '));
await attempt('get a/b', async () => text(await store.get('a/b', { maxBytes: 10 })));
await attempt('get closed/b', async () => text(await store.get('closed/b', { maxBytes: 10 })));
await attempt('put', async () => {
  await store.put('a/c', bytes('x'));
  return 'done';
});
await attempt('delete', async () => {
  const [failure] = await store.delete(['a/b']);
  return failure ? codeOf(failure.error) : 'done';
});
await attempt('clock', async () => String((await store.clock()) ?? 'unknown'));
await store.close();

console.log(JSON.stringify(outcomes));
