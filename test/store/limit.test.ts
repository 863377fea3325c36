import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withLimit } from '../../lib/store/decorators/limit.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { bytes, keysOf } from './collect.ts';
import { conformance } from './conformance.ts';
import { createMemoryStore } from './memory-store.ts';

conformance('memory with limit', async () => ({
  store: withLimit(createMemoryStore({ pageSize: 100 }), { concurrency: 2 }),
  missing: withLimit(createMemoryStore({ exists: false }), { concurrency: 2 }),
  dispose: async () => {},
}));

/** A store whose calls take a while, and that knows how many were under way at most. */
function slow(): { store: ObjectStore; most: () => number; under: () => number } {
  const inner = createMemoryStore({ pageSize: 10 });
  let under = 0;
  let most = 0;
  const during = async <T>(call: () => Promise<T>): Promise<T> => {
    most = Math.max(most, ++under);
    await new Promise((resolve) => setTimeout(resolve, 2));
    try {
      return await call();
    } finally {
      under--;
    }
  };
  const store: ObjectStore = {
    name: inner.name,
    open: (options) => during(() => inner.open(options)),
    async *list(range) {
      await during(async () => {});
      yield* inner.list(range);
    },
    get: (key, options) => during(() => inner.get(key, options)),
    put: (key, body, options) => during(() => inner.put(key, body, options)),
    delete: (keys, options) => during(() => inner.delete(keys, options)),
    clock: (options) => during(() => inner.clock(options)),
    flush: (options) => during(() => inner.flush(options)),
    close: () => inner.close(),
  };
  return { store, most: () => most, under: () => under };
}

describe('withLimit', () => {
  it('never exceeds the number of concurrent calls, including listings', async () => {
    const { store, most } = slow();
    const limited = withLimit(store, { concurrency: 3 });
    const calls = Array.from({ length: 20 }, (_, i) => limited.put(`k${i}`, bytes('x')));
    await Promise.all([...calls, keysOf(limited), keysOf(limited), limited.clock(), limited.delete(['k1'])]);
    assert.equal(most(), 3);
  });

  it('frees the slot of a failed call', async () => {
    const limited = withLimit(createMemoryStore(), { concurrency: 1 });
    for (let i = 0; i < 3; i++) await assert.rejects(limited.get('none', { maxBytes: 1 }));
    await limited.put('a', bytes('x'));
    const missing = withLimit(createMemoryStore({ exists: false }), { concurrency: 1 });
    for (let i = 0; i < 3; i++) await assert.rejects(keysOf(missing));
  });

  it('holds no slot between two objects of a listing', async () => {
    const limited = withLimit(createMemoryStore(), { concurrency: 1 });
    for (let i = 0; i < 600; i++) await limited.put(`k${String(i).padStart(3, '0')}`, bytes('x'));
    let seen = 0;
    for await (const { key } of limited.list()) {
      if (seen++ % 100 === 0) await limited.get(key, { maxBytes: 1 });
    }
    assert.equal(seen, 600);
  });

  it('lets a caller leave the queue, and passes on the slot', async () => {
    const { store } = slow();
    const limited = withLimit(store, { concurrency: 1 });
    const reason = new Error('enough');
    const controller = new AbortController();
    const first = limited.put('a', bytes('x'));
    const queued = limited.put('b', bytes('x'), { signal: controller.signal });
    const third = limited.put('c', bytes('x'));
    controller.abort(reason);
    await assert.rejects(queued, reason);
    await Promise.all([first, third]);
    assert.deepEqual(await keysOf(limited), ['a', 'c']);
  });
});
