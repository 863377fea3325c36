import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytes, keysOf } from './collect.ts';
import { conformance } from './conformance.ts';
import { withCounting } from './counting.ts';
import { createMemoryStore } from './memory-store.ts';

conformance('memory with counting', async () => ({
  store: withCounting(createMemoryStore()),
  missing: withCounting(createMemoryStore({ exists: false })),
  dispose: async () => {},
}));

describe('withCounting', () => {
  it('counts calls, listed objects, and transferred bytes', async () => {
    const store = withCounting(createMemoryStore());
    await store.put('a', bytes('12345'));
    await store.put('b', bytes('1'));
    await assert.rejects(store.put('', bytes('lost')));
    await store.get('a', { maxBytes: 5 });
    await assert.rejects(store.get('c', { maxBytes: 5 }));
    await keysOf(store);
    await store.delete(['a', 'b']);
    assert.deepEqual(store.calls, {
      list: 1,
      listed: 2,
      get: 2,
      put: 3,
      delete: 1,
      bytesRead: 5,
      bytesWritten: 6,
    });
  });
});
