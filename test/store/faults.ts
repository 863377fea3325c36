import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RetryOptions, withRetry } from '../../lib/store/decorators/retry.ts';
import { DeniedError, TransientError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';
import { metricFile, plantMetric, plantMetrics } from '../fixtures/metric.ts';
import { backUp, codesOf, restoreTree } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { run } from '../scripts/cli/program.ts';
import type { Fault, FaultProxy, Injected, Match } from '../servers/fault-proxy.ts';
import { bytes, keysOf } from './collect.ts';
import { outages } from './outages.ts';

/** A server, and the broken way to it. */
export interface Place {
  readonly proxy: FaultProxy;
  /** A store without retries, by way of the proxy, or straight. */
  store(bucket: string, by?: 'proxy' | 'straight'): ObjectStore;
  /** How the program is told to use it by way of the proxy. */
  readonly program: { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> };
  /** Whether requests carry a token that ends. */
  readonly tokens: boolean;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Enough for any one fault. */
const PATIENT: RetryOptions = { retryFor: 30, deadline: 1.2, backoff: 0.05, maxBackoff: 0.1 };
/** For what never works. */
const BRIEF: RetryOptions = { retryFor: 0.03, deadline: 0.5, backoff: 0.05, maxBackoff: 0.1 };

const BODY = Uint8Array.from({ length: 10_000 }, (_, i) => (i * 7919) >> 3);
/** How long the latter may take, in milliseconds: each attempt, longer for a body, a wait, and what a busy machine adds. */
const BRIEFLY = 2 * (500 + BODY.length / 65.536) + 100 + 5000;
const MAX = { maxBytes: 100_000 };

const anywhere: Readonly<Record<string, Fault>> = {
  'an answer of 503': { kind: 'answer', status: 503 },
  'an answer of 429': { kind: 'answer', status: 429 },
  'an answer of 408': { kind: 'answer', status: 408 },
  'a reset before the request is passed on': { kind: 'reset', when: 'before' },
  'a reset after it was done': { kind: 'reset', when: 'after' },
  'an answer that never comes': { kind: 'stall' },
};
const inAnswers: Readonly<Record<string, Fault>> = {
  'an answer that stalls half way': { kind: 'stall', after: 200 },
  'an answer that ends half way': { kind: 'cut', after: 200, how: 'end' },
  'an answer that is reset half way': { kind: 'cut', after: 200, how: 'reset' },
  'an answer that is cut, with a length to match': { kind: 'shorten', to: 200 },
  'a byte of the answer flipped': { kind: 'flip', of: 'answer', at: 205 },
};

/** Tries a call again while the store lets none pass, since all calls failed for longer than it retries. */
async function afterPause<T>(call: () => Promise<T>): Promise<T> {
  for (const until = performance.now() + 10_000; ; await sleep(20)) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof TransientError) || performance.now() > until) throw error;
    }
  }
}

/**
 * What every store does on a network that breaks: each fault ends in right data, or in a typed error within the
 * deadline; never in silence.
 */
export function faults(name: string, startPlace: () => Promise<Place>): void {
  describe(`${name}, when things break`, () => {
    let place: Place;
    let plain: ObjectStore;
    let keys = 0;
    before(async () => {
      place = await startPlace();
      plain = place.store('faults', 'straight');
      await plain.open({ create: true });
    });
    after(async () => {
      await plain.close();
      await place.stop();
    });

    /** Runs a call by way of the proxy, with a key of its own, and with faults that only requests for that key meet. */
    async function through(
      options: RetryOptions,
      call: (store: ObjectStore, key: string, inject: (fault: Fault, match?: Match) => Injected) => Promise<void>,
    ): Promise<void> {
      const key = `key-${++keys}`;
      const store = withRetry(place.store('faults'), options);
      const injected: Injected[] = [];
      const inject = (fault: Fault, match: Match = {}) => {
        const one = place.proxy.inject(fault, { url: new RegExp(`${key}(?!\\d)`), ...match });
        injected.push(one);
        return one;
      };
      try {
        await call(store, key, inject);
      } finally {
        for (const one of injected) one.heal();
        await store.close();
      }
    }

    /** The error of a call that must fail in time. */
    async function failure(call: Promise<unknown>, within = BRIEFLY): Promise<unknown> {
      const began = performance.now();
      const error = await call.then(
        () => assert.fail('it did not fail'),
        (error: unknown) => error,
      );
      const took = performance.now() - began;
      assert.ok(took < within, `it took ${took} ms`);
      return error;
    }

    describe('one call', { concurrency: 6 }, () => {
      for (const [what, fault] of Object.entries({ ...anywhere, ...inAnswers })) {
        it(`reads correct data after ${what}, and fails if that never ends`, async () => {
          const once = through(PATIENT, async (store, key, inject) => {
            await plain.put(key, BODY);
            const injected = inject(fault, { method: 'GET', times: 1 });
            assert.deepEqual(new Uint8Array(await store.get(key, MAX)), BODY);
            assert.equal(injected.hits, 1);
          });
          const always = through(BRIEF, async (store, key, inject) => {
            await plain.put(key, BODY);
            const injected = inject(fault, { method: 'GET' });
            const error = await failure(store.get(key, MAX));
            assert.ok(error instanceof TransientError, String(error));
            injected.heal();
            assert.deepEqual(new Uint8Array(await afterPause(() => store.get(key, MAX))), BODY);
          });
          await Promise.all([once, always]);
        });

        it(`lists all objects after ${what}, or fails`, async () => {
          const listed = (key: string) => Array.from({ length: 9 }, (_, i) => `${key}/with a name of some length ${i}`);
          const once = through(PATIENT, async (store, key, inject) => {
            for (const one of listed(key)) await plain.put(one, bytes('x'));
            const injected = inject(fault, { method: 'GET', times: 1 });
            assert.deepEqual(await keysOf(store, { prefix: `${key}/` }), listed(key));
            assert.equal(injected.hits, 1);
          });
          const always = through(BRIEF, async (store, key, inject) => {
            for (const one of listed(key)) await plain.put(one, bytes('x'));
            inject(fault, { method: 'GET' });
            const error = await failure(keysOf(store, { prefix: `${key}/` }));
            assert.ok(error instanceof TransientError, String(error));
          });
          await Promise.all([once, always]);
        });
      }

      for (const [what, fault] of Object.entries({
        ...anywhere,
        'a byte of the request flipped': { kind: 'flip', of: 'request', at: 100 } satisfies Fault,
      })) {
        it(`stores correct data after ${what}, and fails if that never ends`, async () => {
          const once = through(PATIENT, async (store, key, inject) => {
            const injected = inject(fault, { method: 'PUT', times: 1 });
            await store.put(key, BODY);
            assert.equal(injected.hits, 1);
            assert.deepEqual(new Uint8Array(await plain.get(key, MAX)), BODY);
          });
          const always = through(BRIEF, async (store, key, inject) => {
            inject(fault, { method: 'PUT' });
            const error = await failure(store.put(key, BODY));
            assert.ok(error instanceof TransientError, String(error));
            // Whole, or not there: with a reset after it was done it is there.
            for (const there of await keysOf(plain, { prefix: key })) {
              assert.deepEqual(new Uint8Array(await plain.get(there, MAX)), BODY);
            }
          });
          await Promise.all([once, always]);
        });
      }

      for (const [what, fault] of Object.entries(anywhere)) {
        it(`deletes after ${what}, and reports the rest if that never ends`, async () => {
          const once = through(PATIENT, async (store, key, inject) => {
            await plain.put(key, BODY);
            const injected = inject(fault, { method: 'DELETE', times: 1 });
            assert.deepEqual(await store.delete([key]), []);
            assert.equal(injected.hits, 1);
            assert.deepEqual(await keysOf(plain, { prefix: key }), []);
          });
          const always = through(BRIEF, async (store, key, inject) => {
            await plain.put(key, BODY);
            inject(fault, { method: 'DELETE' });
            const deleted = store.delete([key]).then(([failed]) => Promise.reject(failed?.error));
            const error = await failure(deleted);
            assert.ok(error instanceof TransientError, String(error));
          });
          await Promise.all([once, always]);
        });
      }
    });

    it('waits as long as Retry-After requires', async () => {
      for (const status of [429, 503]) {
        await through(PATIENT, async (store, key, inject) => {
          await plain.put(key, BODY);
          inject({ kind: 'answer', status, headers: { 'Retry-After': '1' } }, { times: 1 });
          const began = performance.now();
          await store.get(key, MAX);
          assert.ok(performance.now() - began >= 1000, `it took ${performance.now() - began} ms`);
        });
      }
    });

    it('accepts what a slow link transfers in time, and aborts otherwise', async () => {
      await through({ ...PATIENT, deadline: 5 }, async (store, key, inject) => {
        await plain.put(key, BODY);
        const injected = inject({ kind: 'slow', bytesPerSecond: 25_000 }, { method: 'GET' });
        assert.deepEqual(new Uint8Array(await store.get(key, MAX)), BODY);
        assert.equal(injected.hits, 1);
      });
      await through(BRIEF, async (store, key, inject) => {
        await plain.put(key, BODY);
        inject({ kind: 'slow', bytesPerSecond: 2000 }, { method: 'GET' });
        const error = await failure(store.get(key, MAX));
        assert.ok(error instanceof TransientError, String(error));
      });
    });

    it('replaces an expired token, if there are tokens, or fails at once', async () => {
      await through(PATIENT, async (store, key, inject) => {
        await plain.put(key, BODY);
        const injected = inject({ kind: 'answer', status: 401 }, { times: 1 });
        if (place.tokens) assert.deepEqual(new Uint8Array(await store.get(key, MAX)), BODY);
        else await assert.rejects(store.get(key, MAX), DeniedError);
        assert.equal(injected.hits, 1);
      });
    });

    it('does not retry with refused credentials', async () => {
      await through(PATIENT, async (store, key, inject) => {
        await plain.put(key, BODY);
        const injected = inject({ kind: 'answer', status: 401 });
        const error = await failure(store.get(key, MAX));
        assert.ok(error instanceof DeniedError, String(error));
        // Swift asks once more, with a new token.
        assert.ok(injected.hits <= 2, `${injected.hits} requests`);
      });
    });

    it('counts files that a backup could not store, and the next run stores them', async () => {
      await using scratch = await createScratch();
      await plantMetrics(scratch.path, ['m1', 'm2', 'm3', 'm4', 'm5']);
      const store = withRetry(place.store('counted'), BRIEF);
      try {
        place.proxy.inject({ kind: 'answer', status: 503 }, { method: 'PUT', url: /\/m2\// });
        place.proxy.inject({ kind: 'stall' }, { method: 'PUT', url: /\/m4\// });
        const first = await backUp(store, scratch.path);
        assert.deepEqual(codesOf(first.failed), { m2: 'TRANSIENT', m4: 'TRANSIENT' });
        assert.deepEqual([first.counts['stored'], first.counts['failed']], [3, 2]);
        place.proxy.heal();
        const second = await backUp(store, scratch.path);
        assert.deepEqual([second.counts['stored'], second.counts['unchanged'], second.failed], [2, 3, []]);
      } finally {
        place.proxy.heal();
        await store.close();
      }
    });

    it('counts backups that a restore could not read, and leaves nothing incomplete', async () => {
      await using scratch = await createScratch();
      const [tree, restored] = [await scratch.directory('tree'), scratch.at('restored')];
      await plantMetrics(tree, ['m1', 'm2', 'm3', 'm4', 'm5']);
      const store = withRetry(place.store('read-back'), BRIEF);
      try {
        await backUp(store, tree);
        place.proxy.inject({ kind: 'flip', of: 'answer', at: 50 }, { method: 'GET', url: /\/m2\// });
        place.proxy.inject({ kind: 'cut', after: 50, how: 'reset' }, { method: 'GET', url: /\/m3\// });
        place.proxy.inject({ kind: 'shorten', to: 50 }, { method: 'GET', url: /\/m4\//, times: 1 });
        const { counts, failed } = await restoreTree(store, restored);
        assert.deepEqual(codesOf(failed), { m2: 'TRANSIENT', m3: 'TRANSIENT' });
        assert.equal(counts['restored'], 3);
        const expected = await readTree(tree);
        expected.delete('m2.wsp');
        expected.delete('m3.wsp');
        assert.deepEqual(contents(await readTree(restored)), contents(expected));
        place.proxy.heal();
        await restoreTree(store, restored);
        assert.deepEqual(contents(await readTree(restored)), contents(await readTree(tree)));
      } finally {
        place.proxy.heal();
        await store.close();
      }
    });

    it('ends the program with 3, naming the metric, if one can be neither stored nor read', async () => {
      await using scratch = await createScratch();
      const tree = await scratch.directory('tree');
      await plantMetrics(tree, ['m1', 'm2', 'm3']);
      const { args, env } = place.program;
      const program = (command: string, prefix: string) => {
        const quiet = ['--nolog', '--nostamp', '--lockfile', scratch.at('lock'), '--json', '--no-color'];
        return run([command, ...args, '-b', 'program', '-p', prefix, ...quiet], { env });
      };
      try {
        place.proxy.inject({ kind: 'answer', status: 503 }, { method: 'PUT', url: /\/m2\// });
        const stored = await program('backup', tree);
        assert.equal(stored.code, 3, stored.stderr);
        assert.deepEqual(codesOf(JSON.parse(stored.stdout).failed), { m2: 'TRANSIENT' });
        place.proxy.heal();
        place.proxy.inject({ kind: 'flip', of: 'answer', at: 50 }, { method: 'GET', url: /\/m3\// });
        const read = await program('restore', scratch.at('restored'));
        assert.equal(read.code, 3, read.stderr);
        assert.deepEqual(codesOf(JSON.parse(read.stdout).failed), { m3: 'TRANSIENT' });
      } finally {
        place.proxy.heal();
      }
    });

    it('survives a crash of the gateway, and fails no metric', async () => {
      await using scratch = await createScratch();
      const [tree, restored] = [await scratch.directory('tree'), scratch.at('restored')];
      const metrics = Array.from({ length: 60 }, (_, i) => `m${i}`);
      await plantMetrics(tree, metrics);
      await plantMetric(tree, 'm0', metricFile(1000));
      const store = place.store('killed', 'straight');
      let puts = 0;
      let revived = Promise.resolve();
      const dying = delegate(store, {
        put(key, body, options) {
          if (++puts === 20) {
            revived = place
              .kill()
              .then(() => sleep(500))
              .then(() => place.start());
          }
          return store.put(key, body, options);
        },
      });
      const retried = withRetry(dying, { retryFor: 60, deadline: 5, backoff: 0.3, maxBackoff: 3 });
      try {
        const first = await backUp(retried, tree);
        await revived;
        assert.ok(puts > 20, 'it was killed too late');
        assert.deepEqual([first.counts['stored'], first.failed], [metrics.length, []]);
        const { failed } = await restoreTree(retried, restored);
        assert.deepEqual(failed, []);
        assert.deepEqual(contents(await readTree(restored)), contents(await readTree(tree)));
      } finally {
        await revived;
        await retried.close();
      }
    });

    outages(() => place);
  });
}
