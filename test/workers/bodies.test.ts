import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bodies } from '../../lib/workers/bodies.ts';

describe('the memory of a body', () => {
  it('serves the next body of about its size once it was given back', () => {
    const bodies = new Bodies();
    const body = bodies.take(300_000).subarray(0, 300_000);
    bodies.giveBack(body);
    assert.equal(bodies.take(290_000).buffer, body.buffer);
  });

  it('never serves two bodies at once', () => {
    const bodies = new Bodies();
    const first = bodies.take(1000);
    bodies.giveBack(first);
    bodies.giveBack(first);
    assert.notEqual(bodies.take(1000).buffer, bodies.take(1000).buffer);
  });

  it('does not serve a body that is many times smaller', () => {
    const bodies = new Bodies();
    const large = bodies.take(10_000_000);
    bodies.giveBack(large);
    assert.notEqual(bodies.take(1000).buffer, large.buffer);
  });

  it('is not taken from bytes of another origin, such as an engine that allocates its own', () => {
    const bodies = new Bodies();
    const own = new Uint8Array(2 ** 16);
    bodies.giveBack(own);
    assert.notEqual(bodies.take(2 ** 16).buffer, own.buffer);
  });

  it('is left to the garbage collector beyond 16 MiB', () => {
    const bodies = new Bodies();
    const taken = Array.from({ length: 5 }, () => bodies.take(2 ** 22));
    for (const body of taken) bodies.giveBack(body);
    const again = Array.from({ length: 5 }, () => bodies.take(2 ** 22));
    const kept = again.filter(({ buffer }) => taken.some((body) => body.buffer === buffer));
    assert.equal(kept.length, 4);
  });
});
