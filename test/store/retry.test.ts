import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Retry } from '../../lib/store/decorators/patience.ts';
import { type RetryOptions, withRetry } from '../../lib/store/decorators/retry.ts';
import { DeniedError, NotFoundError, TransientError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';
import { bytes, keysOf, text } from './collect.ts';
import { conformance } from './conformance.ts';
import { createMemoryStore } from './memory-store.ts';

conformance('memory with retry', async () => ({
  store: withRetry(createMemoryStore({ pageSize: 100 })),
  missing: withRetry(createMemoryStore({ exists: false })),
  dispose: async () => {},
}));

/** A memory store with some calls replaced. */
function altered(change: (store: ObjectStore) => Partial<ObjectStore>): ObjectStore {
  const store = createMemoryStore({ pageSize: 3 });
  return delegate(store, change(store));
}

/** Retries that take no time, and note how long they would have waited. */
function quick(options: RetryOptions = {}): { options: RetryOptions; waits: number[]; retries: Retry[] } {
  const waits: number[] = [];
  const retries: Retry[] = [];
  let time = 1_000_000;
  const sleep = async (milliseconds: number) => {
    waits.push(milliseconds);
    time += milliseconds;
  };
  const onRetry = (retry: Retry) => {
    retries.push(retry);
  };
  return { waits, retries, options: { sleep, now: () => time, onRetry, random: () => 0.5, ...options } };
}

const hang = <T>() => new Promise<T>(() => {});

describe('withRetry', () => {
  it('retries a transient failure until it succeeds', async () => {
    let calls = 0;
    const { options, retries } = quick();
    const store = withRetry(
      altered((store) => ({
        async put(key, body, options) {
          if (++calls < 3) throw new TransientError(`reset ${calls}`);
          return store.put(key, body, options);
        },
      })),
      options,
    );
    await store.put('a', bytes('x'));
    assert.equal(calls, 3);
    assert.deepEqual(
      retries.map(({ error, attempt }) => [error.message, attempt]),
      [
        ['reset 1', 1],
        ['reset 2', 2],
      ],
    );
    assert.equal(text(await store.get('a', { maxBytes: 1 })), 'x');
  });

  it('fails when its time is over, with the last error', async () => {
    let calls = 0;
    const get = async () => {
      throw new TransientError(`reset ${++calls}`);
    };
    const { options, waits } = quick({ retryFor: 2 });
    const store = withRetry(
      altered(() => ({ get })),
      options,
    );
    await assert.rejects(store.get('a', { maxBytes: 1 }), /reset 4/);
    assert.deepEqual(waits, [375, 750, 875]);
    assert.equal(calls, 4);
  });

  it('tries opening and listing three times as long', async () => {
    const failing = async () => {
      throw new TransientError('reset');
    };
    for (const call of [(store: ObjectStore) => store.open({ create: false }), (store: ObjectStore) => keysOf(store)]) {
      const { options, waits } = quick({ retryFor: 100 });
      await assert.rejects(
        call(
          withRetry(
            altered(() => ({ open: failing, list: () => ({ [Symbol.asyncIterator]: () => ({ next: failing }) }) })),
            options,
          ),
        ),
        /reset/,
      );
      assert.equal(Math.round(waits.reduce((sum, wait) => sum + wait, 0)), 300_000);
    }
  });

  it('does not try again at all for 0 seconds', async () => {
    let calls = 0;
    const get = async () => {
      throw new TransientError(`reset ${++calls}`);
    };
    const { options, waits } = quick({ retryFor: 0 });
    const store = withRetry(
      altered(() => ({ get })),
      options,
    );
    for (let i = 1; i < 6; i++) await assert.rejects(store.get('a', { maxBytes: 1 }), new RegExp(`reset ${i}`));
    assert.deepEqual(waits, []);
  });

  it('gives up after a few attempts when the store answers, but wrongly', async () => {
    let calls = 0;
    const get = async () => {
      throw new TransientError(`wrong ${++calls}`, { trouble: 'wrong' });
    };
    const store = withRetry(
      altered(() => ({ get })),
      quick().options,
    );
    await assert.rejects(store.get('a', { maxBytes: 1 }), /wrong 5/);
  });

  it('does not retry permanent errors', async () => {
    for (const error of [new NotFoundError('x'), new DeniedError('x'), new TypeError('x')]) {
      let calls = 0;
      const get = async () => {
        calls++;
        throw error;
      };
      const store = withRetry(
        altered(() => ({ get })),
        quick().options,
      );
      await assert.rejects(store.get('a', { maxBytes: 1 }), error);
      assert.equal(calls, 1);
    }
  });

  it('waits longer each time, randomly, up to a limit', async () => {
    const { options, waits } = quick({ retryFor: 30, backoff: 1, maxBackoff: 10 });
    const flush = async () => {
      throw new TransientError('busy');
    };
    await assert.rejects(
      withRetry(
        altered(() => ({ flush })),
        options,
      ).flush(),
    );
    assert.deepEqual(waits, [750, 1500, 3000, 6000, 7500, 7500, 3750]);
  });

  it('waits at least as long as the store requires, up to a limit', async () => {
    const { options, waits } = quick({ backoff: 1, maxRetryAfter: 60 });
    const asked = [7000, 3_600_000];
    const clock = async () => {
      const retryAfter = asked.shift();
      if (retryAfter !== undefined) throw new TransientError('slow down', { retryAfter });
      return undefined;
    };
    await withRetry(
      altered(() => ({ clock })),
      options,
    ).clock();
    assert.deepEqual(waits, [7750, 61_500]);
  });

  it('allows more time for a large body', async () => {
    const store = withRetry(
      altered((store) => ({
        async put(key, body, options) {
          await new Promise((resolve) => setTimeout(resolve, 200));
          return store.put(key, body, options);
        },
      })),
      quick({ retryFor: 0, deadline: 0.05 }).options,
    );
    await assert.rejects(store.put('a', bytes('x')), TransientError);
    await store.put('a', new Uint8Array(256 * 1024));
  });

  it('fails after its time, whatever the store asks for', async () => {
    let calls = 0;
    const busy = () => {
      calls++;
      return new TransientError('busy', { retryAfter: 40 });
    };
    const store = () =>
      withRetry(
        altered(() => ({
          get: async () => Promise.reject(busy()),
          delete: async (keys) => keys.map((key) => ({ key, error: busy() })),
          async *list() {
            yield* [];
            throw busy();
          },
        })),
        { retryFor: 0.2, backoff: 0 },
      );
    const inTime = async (call: Promise<unknown>) => {
      const began = performance.now();
      await call;
      assert.ok(performance.now() - began < 5000, 'it took too long');
      assert.ok(calls > 1 && calls <= 16, `${calls} attempts`);
      calls = 0;
    };
    await inTime(assert.rejects(store().get('a', { maxBytes: 1 }), /busy/));
    await inTime(assert.rejects(keysOf(store()), /busy/));
    const failures = store().delete(['a']);
    await inTime(failures);
    assert.deepEqual(
      (await failures).map(({ key, error }) => [key, error.message]),
      [['a', 'busy']],
    );
  });

  it('ends a hanging call at its deadline, even if it ignores its signal', async () => {
    const { options, retries } = quick({ retryFor: 0.3, deadline: 0.02 });
    let signal: AbortSignal | undefined;
    const store = withRetry(
      altered(() => ({
        get(_key, options) {
          signal = options.signal;
          return hang();
        },
      })),
      options,
    );
    const begun = performance.now();
    await assert.rejects(store.get('servers.a', { maxBytes: 1 }), (error) => {
      assert.ok(error instanceof TransientError);
      assert.match(error.message, /read "servers\.a" from memory: no answer within 0\.02 s/);
      return true;
    });
    assert.ok(performance.now() - begun < 2000);
    assert.equal(retries.length, 1);
    assert.ok(signal?.aborted);
  });

  it('gives each attempt its own signal', async () => {
    const signals: (AbortSignal | undefined)[] = [];
    const store = withRetry(
      altered(() => ({
        flush(options) {
          signals.push(options?.signal);
          return signals.length < 2 ? hang() : Promise.resolve();
        },
      })),
      quick({ flushDeadline: 0.02 }).options,
    );
    await store.flush();
    assert.deepEqual(
      signals.map((signal) => signal?.aborted),
      [true, false],
    );
  });

  it('rejects at once when the caller aborts, during a call and a wait', async () => {
    const reason = new Error('interrupted');
    const abortSoon = () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), 10);
      return controller.signal;
    };
    const hung = withRetry(
      altered(() => ({
        clock: () => hang(),
        list: () => ({ [Symbol.asyncIterator]: () => ({ next: () => hang() }) }),
      })),
    );
    await assert.rejects(hung.clock({ signal: abortSoon() }), reason);
    await assert.rejects(keysOf(hung, { signal: abortSoon() }), reason);
    const clock = async () => {
      throw new TransientError('busy');
    };
    const waiting = withRetry(
      altered(() => ({ clock })),
      { sleep: () => hang() },
    );
    await assert.rejects(waiting.clock({ signal: abortSoon() }), reason);
  });

  it('continues a listing after the last yielded key, and counts attempts from zero', async () => {
    const keys = Array.from({ length: 40 }, (_, i) => `k${i + 10}`);
    const starts: (string | undefined)[] = [];
    const inner = altered((store) => ({
      async *list(range) {
        starts.push(range?.startAfter);
        let told = 0;
        for await (const object of store.list(range)) {
          if (told++ === 5) {
            if (starts.length % 2 === 0) await hang();
            throw new TransientError('reset');
          }
          yield object;
        }
      },
    }));
    for (const key of keys) await inner.put(key, bytes(key));
    const store = withRetry(inner, quick({ retryFor: 0.3, deadline: 0.02 }).options);
    assert.deepEqual(await keysOf(store, { prefix: 'k' }), keys);
    assert.deepEqual(starts, [undefined, 'k14', 'k19', 'k24', 'k29', 'k34', 'k39', 'k44']);
  });

  it('fails for a listing without progress', async () => {
    let calls = 0;
    const inner = altered(() => ({
      // biome-ignore lint/correctness/useYield: it fails before its first object
      async *list() {
        calls++;
        throw new TransientError('busy');
      },
    }));
    await assert.rejects(keysOf(withRetry(inner, quick({ retryFor: 1 }).options)), /busy/);
    assert.equal(calls, 5);
  });

  it('does not count the time of the caller between two objects', async () => {
    const inner = createMemoryStore({ pageSize: 1 });
    for (const key of ['a', 'b', 'c']) await inner.put(key, bytes(key));
    const { options, retries } = quick({ deadline: 0.02 });
    let seen = 0;
    for await (const _ of withRetry(inner, options).list()) {
      seen++;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    assert.equal(seen, 3);
    assert.deepEqual(retries, []);
  });

  it('lets a listing clean up if the caller stops', async () => {
    let cleaned = false;
    const inner = altered((store) => ({
      async *list(range) {
        try {
          yield* store.list(range);
        } finally {
          cleaned = true;
        }
      },
    }));
    await inner.put('a', bytes('x'));
    await inner.put('b', bytes('x'));
    for await (const _ of withRetry(inner).list()) break;
    assert.ok(cleaned);
  });

  it('retries only keys of a batch with transient failures', async () => {
    const batches: (readonly string[])[] = [];
    const inner = altered(() => ({
      async delete(keys) {
        batches.push(keys);
        return keys
          .filter((key) => key !== 'gone')
          .map((key) => ({
            key,
            error: key === 'denied' ? new DeniedError('no') : new TransientError(`busy ${batches.length}`),
          }));
      },
    }));
    const failures = await withRetry(inner, quick({ retryFor: 1 }).options).delete(['gone', 'denied', 'busy']);
    assert.deepEqual(batches, [['gone', 'denied', 'busy'], ['busy'], ['busy']]);
    assert.deepEqual(
      failures.map(({ key, error }) => [key, error.message]),
      [
        ['denied', 'no'],
        ['busy', 'busy 3'],
      ],
    );
  });

  it('leaves no listener on the signal of the run', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    const store = withRetry(createMemoryStore());
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.put(`k${i}`, bytes('x'), { signal })));
    await keysOf(store, { signal });
    await assert.rejects(store.get('none', { maxBytes: 1, signal }));
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.equal(listeners, 0);
  });

  it('rejects invalid times', () => {
    const store = createMemoryStore();
    for (const retryFor of [-1, Number.NaN])
      assert.throws(() => withRetry(store, { retryFor }), { code: 'INVALID_OPTION' });
    for (const deadline of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => withRetry(store, { deadline }), { code: 'INVALID_OPTION' });
    }
  });
});
