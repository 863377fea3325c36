import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createOutage, downSince, type Outage } from '../../lib/store/decorators/outage.ts';
import { type RetryOptions, withRetry } from '../../lib/store/decorators/retry.ts';
import { NotFoundError, TransientError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';
import { createMemoryStore } from './memory-store.ts';

/** A store that fails as the test wants, and several clients of it that share what they know, as threads do. */
class Site {
  /** What becomes of the next requests. */
  failure: (() => Error) | undefined;
  readonly outage: Outage = createOutage();
  readonly warnings: string[] = [];
  /** Milliseconds, moved on by waits. */
  time = 1_700_000_000_000;
  /** When each request was sent. */
  readonly sent: number[] = [];
  /** Ends a wait, at its end. */
  readonly #waits: { readonly until: number; readonly end: () => void }[] = [];

  client(options: RetryOptions = {}, own: Partial<ObjectStore> = {}): ObjectStore {
    const get = async () => {
      this.sent.push(this.time);
      if (this.failure) throw this.failure();
      return new Uint8Array(1);
    };
    const store = delegate(createMemoryStore(), { get, ...own });
    return withRetry(store, {
      outage: this.outage,
      now: () => this.time,
      random: () => 0.5,
      sleep: (milliseconds) =>
        new Promise((end) => this.#waits.push({ until: this.time + milliseconds, end: () => end() })),
      onWarning: (warning) => this.warnings.push(warning),
      ...options,
    });
  }

  /** Lets all that can happen now happen, and then the time pass, wait by wait. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#waits.sort((a, b) => a.until - b.until)[0];
      if (!next || next.until > end) break;
      this.#waits.shift();
      this.time = Math.max(this.time, next.until);
      next.end();
    }
    this.time = end;
  }
}

const get = (store: ObjectStore) => store.get('a', { maxBytes: 1 });
const busy = () => new TransientError('busy', { trouble: 'busy' });
const refused = () => new TransientError('connection refused');

describe('stores that share an outage', () => {
  it('all pause when one of them is told to slow down, for as long as it is told', async () => {
    const site = new Site();
    const [one, other] = [site.client(), site.client()];
    site.failure = () => new TransientError('slow down', { retryAfter: 10_000 });
    const first = get(one);
    await site.pass(0);
    site.failure = undefined;
    const second = get(other);
    await site.pass(9999);
    assert.equal(site.sent.length, 1);
    await site.pass(10_000);
    await Promise.all([first, second]);
    assert.equal(site.sent.length, 3);
  });

  it('do not pause for a request that failed while others succeed', async () => {
    const site = new Site();
    site.failure = refused;
    const first = get(site.client());
    await site.pass(0);
    site.failure = undefined;
    await get(site.client());
    assert.equal(site.sent.length, 2);
    await site.pass(1000);
    await first;
  });

  it('do not pause for long because one object fails again and again', async () => {
    const site = new Site();
    const isBad = (key: string) => key === 'bad';
    const get = async (key: string) => {
      site.sent.push(site.time);
      if (isBad(key)) throw busy();
      return new Uint8Array(1);
    };
    const store = site.client({}, { get });
    const bad = assert.rejects(store.get('bad', { maxBytes: 1 }), /busy/);
    for (let i = 0; i < 300; i++) {
      const began = site.time;
      const good = store.get('good', { maxBytes: 1 });
      await site.pass(1000);
      await good;
      assert.ok(site.time - began <= 1000);
    }
    await site.pass(10_000);
    await bad;
  });

  it('take an error that shows that the store works for an answer', async () => {
    const site = new Site();
    site.failure = refused;
    const failing = [1, 2, 3].map(() => get(site.client()));
    await site.pass(0);
    assert.notEqual(downSince(site.outage), undefined);
    site.failure = () => new NotFoundError('not found');
    const ended = Promise.all(failing.map((call) => assert.rejects(call, /not found/)));
    await site.pass(5000);
    await ended;
    assert.equal(downSince(site.outage), undefined);
  });

  it('outlast an outage, and fail no call that it met', async () => {
    const site = new Site();
    site.failure = refused;
    const calls = Array.from({ length: 16 }, () => get(site.client()));
    await site.pass(240_000);
    site.failure = undefined;
    await site.pass(30_000);
    await Promise.all(calls);
  });

  it('fail at once what begins when an outage has lasted too long, and try again from time to time', async () => {
    const site = new Site();
    site.failure = busy;
    const first = assert.rejects(get(site.client()), /^TransientError: busy/);
    await site.pass(301_000);
    await first;
    const before = site.sent.length;
    for (let i = 0; i < 3000; i++) await assert.rejects(get(site.client()), TransientError);
    assert.ok(site.sent.length - before <= 1, `${site.sent.length - before} requests`);
    await site.pass(30_000);
    site.failure = undefined;
    await get(site.client());
    await get(site.client());
  });

  it('report it once a minute, until when they try again, and that it is over', async () => {
    const site = new Site();
    site.failure = busy;
    const calls = Array.from({ length: 100 }, () => get(site.client()));
    await site.pass(130_000);
    site.failure = undefined;
    await site.pass(40_000);
    await Promise.all(calls);
    const [first = '', second = '', third = '', fourth = '', ...more] = site.warnings;
    assert.deepEqual(more, []);
    assert.match(first, /^busy: trying again until 2023-11-14T22:18:20/);
    assert.match(second, /^memory has failed every request for \d+ s: busy: trying again until 2023-11-14T22:18:20/);
    assert.match(third, /^memory has failed every request for/);
    assert.match(fourth, /^memory answers again after 1\d\d s|^memory answers again after 2 min/);
  });

  it('report the end of an outage, not the answers to earlier requests at its beginning', async () => {
    const site = new Site();
    site.failure = busy;
    const calls = [get(site.client())];
    await site.pass(10);
    let answer = (): void => {};
    const early = new Promise<Uint8Array>((resolve) => {
      answer = () => resolve(new Uint8Array(1));
    });
    calls.push(get(site.client({}, { get: () => early })));
    answer();
    await site.pass(10);
    assert.equal(site.warnings.length, 1, site.warnings.join());
    calls.push(...Array.from({ length: 5 }, () => get(site.client())));
    await site.pass(20_000);
    site.failure = undefined;
    await site.pass(40_000);
    await Promise.all(calls);
    assert.match(site.warnings[0] ?? '', /trying again until/);
    assert.match(site.warnings[1] ?? '', /^memory answers again after [2-5]\d s/);
    assert.equal(site.warnings.length, 2, site.warnings.join());
  });

  it('end a pause at once when the caller aborts', async () => {
    const site = new Site();
    site.failure = () => new TransientError('slow down', { retryAfter: 60_000 });
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = assert.rejects(site.client().get('a', { maxBytes: 1, signal }), /interrupted/);
    await site.pass(0);
    const paused = assert.rejects(site.client().get('a', { maxBytes: 1, signal }), /interrupted/);
    await site.pass(0);
    controller.abort(new Error('interrupted'));
    await Promise.all([waiting, paused]);
    assert.equal(site.sent.length, 1);
  });
});
