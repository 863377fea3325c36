import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InvalidOptionError } from '../../lib/common/errors.ts';
import { createBandwidth, withBandwidth } from '../../lib/store/decorators/bandwidth.ts';
import { TransientError } from '../../lib/store/errors.ts';
import { delegate } from '../fixtures/delegate.ts';
import { conformance } from './conformance.ts';
import { createMemoryStore } from './memory-store.ts';

conformance('memory with a bandwidth', async () => ({
  store: withBandwidth(createMemoryStore({ pageSize: 100 }), createBandwidth(1e9)),
  missing: withBandwidth(createMemoryStore({ exists: false }), createBandwidth(1e9)),
  dispose: async () => {},
}));

/** How long something takes, in seconds. */
async function seconds(task: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await task();
  return (performance.now() - began) / 1000;
}

const BODY = new Uint8Array(1000);
const MAX = { maxBytes: 10_000 };

describe('withBandwidth', () => {
  it('never stores more bytes per second than allowed, except for one unused second', async () => {
    const store = withBandwidth(createMemoryStore(), createBandwidth(10_000));
    // 25,000 bytes: the first 10,000 are saved up, one body may overdraw, 14,000 take 1.4 s.
    const took = await seconds(() => Promise.all(Array.from({ length: 25 }, (_, i) => store.put(`k${i}`, BODY))));
    assert.ok(took >= 1.35 && took < 3, `it took ${took} s`);
  });

  it('never reads more bytes per second than allowed, even if sizes are unknown', async () => {
    const memory = createMemoryStore();
    const store = withBandwidth(memory, createBandwidth(10_000));
    await memory.put('k', BODY);
    await store.get('k', MAX);
    const took = await seconds(() => Promise.all(Array.from({ length: 24 }, () => store.get('k', MAX))));
    assert.ok(took >= 1.3 && took < 3, `it took ${took} s`);
  });

  it('counts reads and writes together', async () => {
    const store = withBandwidth(createMemoryStore(), createBandwidth(10_000));
    const took = await seconds(async () => {
      for (let i = 0; i < 8; i++) {
        await store.put('k', BODY);
        await store.get('k', MAX);
      }
    });
    assert.ok(took >= 0.45 && took < 2, `it took ${took} s`);
  });

  it('passes a body larger than the limit of a second, and delays the next one', async () => {
    const passed: number[] = [];
    // On a busy machine any one may be long.
    for (let round = 0; round < 3; round++) {
      const store = withBandwidth(createMemoryStore(), createBandwidth(1000));
      const large = await seconds(() => store.put('a', new Uint8Array(1500)));
      const next = await seconds(() => store.put('b', BODY));
      assert.ok(large + next >= 0.4 && next < 3, `they took ${large} and ${next} s`);
      passed.push(large);
    }
    assert.ok(Math.min(...passed) < 0.4, `seconds: ${passed.join(', ')}`);
  });

  it('ends a wait on abort, without delaying others', async () => {
    const waited: number[] = [];
    for (let round = 0; round < 3; round++) {
      const store = withBandwidth(createMemoryStore(), createBandwidth(1000));
      await store.put('a', new Uint8Array(1800));
      const controller = new AbortController();
      const aborted = store.put('b', new Uint8Array(1_000_000), { signal: controller.signal });
      const behind = store.put('c', BODY);
      controller.abort(new Error('stop'));
      const took = await seconds(() => assert.rejects(aborted, /stop/));
      const rest = await seconds(() => behind);
      assert.ok(took + rest >= 0.3 && rest < 5, `it took ${took} and ${rest} s`);
      assert.deepEqual(await store.delete(['b', 'c']), []);
      waited.push(took);
    }
    // On a busy machine any one may be long.
    assert.ok(Math.min(...waited) < 0.4, `seconds: ${waited.join(', ')}`);
  });

  it('does not count a body that was never transferred', async () => {
    const memory = createMemoryStore();
    await memory.put('k', BODY);
    let broken = false;
    const flaky = delegate(memory, {
      get: (key, options) => (broken ? Promise.reject(new TransientError('reset')) : memory.get(key, options)),
    });
    const store = withBandwidth(flaky, createBandwidth(10_000));
    await store.get('k', MAX);
    broken = true;
    const took = await seconds(async () => {
      for (let i = 0; i < 50; i++) await assert.rejects(store.get('k', MAX), TransientError);
    });
    assert.ok(took < 3, `it took ${took} s`);
  });

  it('rejects an invalid rate', () => {
    for (const bytesPerSecond of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => createBandwidth(bytesPerSecond), InvalidOptionError);
    }
  });
});
