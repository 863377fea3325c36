import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { randomFrom } from '../../bench/trees/seeded-random.ts';
import { createPace, limitOf, type Pace, Pacemaker, withPace } from '../../lib/store/decorators/pace.ts';
import { TransientError } from '../../lib/store/errors.ts';
import { SEED } from '../fixtures/seed.ts';
import { bytes } from './collect.ts';
import { conformance } from './conformance.ts';
import { createMemoryStore } from './memory-store.ts';

const random = randomFrom(SEED);

const RANGE = { least: 4, start: 16, most: 64 };

conformance('memory with a pace', async () => ({
  store: withPace(createMemoryStore({ pageSize: 100 }), createPace(RANGE), 1),
  missing: withPace(createMemoryStore({ exists: false }), createPace(RANGE), 1),
  dispose: async () => {},
}));

interface Server {
  /** Milliseconds of a round trip. */
  readonly trip: number;
  /** Milliseconds that one of its processors needs for a request. */
  readonly work: number;
  readonly processors: number;
  /** More requests at once are refused. */
  readonly most?: number;
}

/** Simulates a run of several threads by a clock of its own, always with as many requests under way as may be. */
class Simulation {
  readonly pace: Pace = createPace(RANGE);
  readonly #threads: readonly Pacemaker[];
  #time = 0;
  done = 0;
  refused = 0;

  constructor(threads = 4) {
    this.#threads = Array.from({ length: threads }, () => new Pacemaker(this.pace, () => this.#time));
  }

  run(server: Server, milliseconds: number): void {
    const end = this.#time + milliseconds;
    const free = Array.from({ length: server.processors }, () => this.#time);
    const underWay: { readonly start: number; readonly end: number; readonly thread: number; ok: boolean }[] = [];
    for (let next = 0; this.#time < end; ) {
      while (underWay.length < Math.floor(limitOf(this.pace))) {
        const isRefused = underWay.length >= (server.most ?? Number.POSITIVE_INFINITY);
        const at = free.indexOf(Math.min(...free));
        const begin = Math.max(free[at] ?? 0, this.#time + server.trip / 2);
        const jitter = 0.9 + 0.2 * random();
        const ready = isRefused ? begin : begin + server.work * jitter;
        if (!isRefused) free[at] = ready;
        underWay.push({ start: this.#time, end: ready + (server.trip / 2) * jitter, thread: next++, ok: !isRefused });
      }
      underWay.sort((a, b) => b.end - a.end);
      const first = underWay.pop();
      if (!first) return;
      this.#time = Math.max(this.#time, first.end);
      const thread = this.#threads[first.thread % this.#threads.length];
      if (first.ok) {
        this.done++;
        thread?.succeeded(this.#time - first.start, 6000, true);
      } else {
        this.refused++;
        thread?.slowDown();
      }
    }
  }
}

describe('the number of requests under way', () => {
  it('grows up to its limit while a store far away answers as quickly as it can', () => {
    for (const trip of [30, 100, 300]) {
      const simulation = new Simulation();
      simulation.run({ trip, work: 0.2, processors: 8 }, 20 * trip);
      assert.equal(limitOf(simulation.pace), RANGE.most, `${trip} ms`);
    }
  });

  it('shrinks when answers become slower, because the store has no processor free', () => {
    const simulation = new Simulation();
    const server = { trip: 2, work: 20, processors: 4 };
    simulation.run(server, 20_000);
    const limit = limitOf(simulation.pace);
    assert.ok(limit < 32, `${limit}`);
    // But not so far that processors of the store are idle.
    assert.ok(simulation.done > 0.9 * ((20_000 / server.work) * server.processors), `${simulation.done}`);
  });

  it('is halved when the store asks to slow down, and few requests are refused afterwards', () => {
    const simulation = new Simulation();
    const server = { trip: 30, work: 0.2, processors: 8, most: 20 };
    simulation.run(server, 10_000);
    [simulation.done, simulation.refused] = [0, 0];
    simulation.run(server, 60_000);
    assert.ok(limitOf(simulation.pace) <= 30);
    assert.ok(simulation.refused < 0.15 * simulation.done, `${simulation.refused} of ${simulation.done}`);
    assert.ok(simulation.done > (60_000 / 30) * 8, `${simulation.done}`);
  });

  it('grows again when the store is quick again', () => {
    const simulation = new Simulation();
    simulation.run({ trip: 30, work: 0.2, processors: 8, most: 6 }, 10_000);
    assert.ok(limitOf(simulation.pace) < 12, `${limitOf(simulation.pace)}`);
    simulation.run({ trip: 30, work: 0.2, processors: 8 }, 30_000);
    assert.ok(limitOf(simulation.pace) > 40, `${limitOf(simulation.pace)}`);
  });

  it('never leaves its range, whatever answers come', () => {
    for (let run = 0; run < 100; run++) {
      const pace = createPace(RANGE);
      let time = 0;
      const pacemakers = [1, 2, 3].map(() => new Pacemaker(pace, () => time));
      for (let i = 0; i < 1000; i++) {
        time += random() * 100;
        const pacemaker = pacemakers[i % 3];
        if (random() < 0.1) pacemaker?.slowDown();
        else pacemaker?.succeeded(10 ** (random() * 6 - 1), 2 ** (random() * 30), random() < 0.5);
        assert.ok(limitOf(pace) >= RANGE.least && limitOf(pace) <= RANGE.most);
      }
    }
  });

  it('does not take a large body for a slow answer', () => {
    const pace = createPace(RANGE);
    const pacemaker = new Pacemaker(pace, () => 0);
    for (let i = 0; i < 200; i++) {
      pacemaker.succeeded(30, 5000, true);
      pacemaker.succeeded(900, 2 ** 22, true);
    }
    assert.equal(limitOf(pace), RANGE.most);
  });

  it('follows the answers of a store', async () => {
    const pace = createPace(RANGE);
    const busy = new TransientError('slow down', { trouble: 'busy' });
    const store = withPace({ ...createMemoryStore(), name: 'x', put: () => Promise.reject(busy) }, pace, 1);
    await assert.rejects(store.put('a', bytes('x')));
    assert.equal(limitOf(pace), RANGE.start / 2);
  });

  it('has a range that ascends', () => {
    for (const range of [
      { ...RANGE, least: 0 },
      { ...RANGE, start: 3 },
      { ...RANGE, most: 5 },
    ])
      assert.throws(() => createPace(range), { code: 'INVALID_OPTION' });
  });
});
