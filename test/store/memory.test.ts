import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytes, collect, keysOf } from './collect.ts';
import { conformance, type Specimen } from './conformance.ts';
import { createMemoryStore } from './memory-store.ts';

const specimen = (pageSize: number) => async (): Promise<Specimen> => ({
  store: createMemoryStore({ pageSize }),
  missing: createMemoryStore({ pageSize, exists: false }),
  dispose: async () => {},
});

conformance('memory', specimen(1000));
conformance('memory with tiny pages', specimen(7));

describe('memory', () => {
  it('uses the given clock', async () => {
    let now = new Date('2026-11-22T03:14:15Z');
    const store = createMemoryStore({ now: () => now });
    await store.put('a', bytes('x'));
    now = new Date('2026-11-23T03:14:15Z');
    assert.deepEqual((await collect(store))[0]?.modified, new Date('2026-11-22T03:14:15Z'));
    assert.deepEqual(await store.clock(), now);
  });

  it('lists no MD5 if disabled', async () => {
    const store = createMemoryStore({ md5: false });
    await store.put('a', bytes('x'));
    assert.equal((await collect(store))[0]?.md5, undefined);
  });

  it('lists changes between two pages', async () => {
    const store = createMemoryStore({ pageSize: 2 });
    for (const key of ['a', 'b', 'd']) await store.put(key, bytes(key));
    const seen: string[] = [];
    for await (const { key } of store.list()) {
      seen.push(key);
      if (key === 'b') await store.put('c', bytes('c'));
    }
    assert.deepEqual(seen, ['a', 'b', 'c', 'd']);
    assert.deepEqual(await keysOf(store), seen);
  });
});
