import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type Part, sideBySide } from '../../lib/bucket/side-by-side.ts';
import type { Page, StoredObject } from '../../lib/store/store.ts';

/** Listings made up by a test, of which it sees what they do. */
class Parts {
  open = 0;
  mostOpen = 0;
  told = 0;
  readonly controller = new AbortController();

  part(keys: readonly string[], { last, failsAt }: { last?: string; failsAt?: number } = {}): Part {
    const list = async function* (this: Parts): AsyncGenerator<Page> {
      this.open++;
      this.mostOpen = Math.max(this.mostOpen, this.open);
      try {
        for (const [i, key] of keys.entries()) {
          await turn();
          this.controller.signal.throwIfAborted();
          if (i === failsAt) throw new Error(`part failed at ${key}`);
          this.told++;
          yield [{ key, size: 1, modified: new Date(0) }];
        }
      } finally {
        this.open--;
      }
    };
    return { open: () => list.call(this)[Symbol.asyncIterator](), ...(last !== undefined && { last }) };
  }

  run(parts: readonly Part[], { most = 3, held = 10 } = {}) {
    return sideBySide(parts, { parallel: most, maxBuffered: held, controller: this.controller });
  }
}

async function keysOf(batches: AsyncIterable<readonly StoredObject[]>): Promise<string[]> {
  const keys: string[] = [];
  for await (const batch of batches) keys.push(...batch.map(({ key }) => key));
  return keys;
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => String(from + i).padStart(4, '0'));

describe('sideBySide', () => {
  it('yields everything in the order of the parts, with the allowed parallelism', async () => {
    const parts = new Parts();
    const some = Array.from({ length: 7 }, (_, i) => parts.part(numbers(i * 10, i * 10 + 10)));
    assert.deepEqual(await keysOf(parts.run(some)), numbers(0, 70));
    assert.equal(parts.mostOpen, 3);
    assert.equal(parts.open, 0);
    assert.deepEqual(await keysOf(parts.run([])), []);
    assert.deepEqual(await keysOf(new Parts().run([parts.part([]), parts.part([])])), []);
  });

  it('reads no part beyond its last key', async () => {
    const parts = new Parts();
    const some = [parts.part(numbers(0, 30), { last: '0009' }), parts.part(numbers(10, 12), { last: '0099' })];
    assert.deepEqual(await keysOf(parts.run(some)), numbers(0, 12));
    assert.equal(parts.open, 0);
  });

  it('reads no more ahead than its buffer allows', async () => {
    const parts = new Parts();
    const some = [parts.part(['0000']), parts.part(numbers(1, 100)), parts.part(numbers(100, 200))];
    const batches = parts.run(some, { held: 10 });
    await batches.next();
    for (let i = 0; i < 100; i++) await turn();
    assert.equal(parts.told, 21);
    await batches.return();
    assert.equal(parts.open, 0);
  });

  it('ends all parts as soon as one fails, wherever the reader is', async () => {
    const parts = new Parts();
    const some = [parts.part(numbers(0, 1000)), parts.part(numbers(1000, 2000), { failsAt: 5 }), parts.part(['z'])];
    const read: string[] = [];
    await assert.rejects(async () => {
      for await (const batch of parts.run(some, { held: 2000 })) read.push(...batch.map(({ key }) => key));
    }, /part failed at 1005/);
    assert.ok(read.length < 100, `${read.length} objects were told`);
    assert.equal(parts.open, 0);
    assert.ok(parts.controller.signal.aborted);
  });

  it('ends all parts when the listings are aborted', async () => {
    const parts = new Parts();
    const some = [parts.part(numbers(0, 1000)), parts.part(numbers(1000, 2000))];
    await assert.rejects(async () => {
      for await (const _ of parts.run(some)) parts.controller.abort(new Error('enough'));
    }, /enough/);
    assert.equal(parts.open, 0);
  });

  it('closes all parts if the reader stops', async () => {
    const parts = new Parts();
    for await (const _ of parts.run([parts.part(numbers(0, 50)), parts.part(numbers(50, 99))])) break;
    assert.equal(parts.open, 0);
    assert.ok(parts.controller.signal.aborted);
  });
});
