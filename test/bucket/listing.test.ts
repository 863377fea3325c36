import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ownKey } from '../../lib/bucket/layout.ts';
import { type ListingOptions, listBelow } from '../../lib/bucket/listing.ts';
import type { Partitions } from '../../lib/bucket/partitions.ts';
import { createBandwidth, withBandwidth } from '../../lib/store/decorators/bandwidth.ts';
import { withDryRun } from '../../lib/store/decorators/dry-run.ts';
import { withLimit } from '../../lib/store/decorators/limit.ts';
import { withRetry } from '../../lib/store/decorators/retry.ts';
import { TransientError } from '../../lib/store/errors.ts';
import type { ListRange, ObjectStore, StoredObject } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';
import { bytes, keysOf } from '../store/collect.ts';
import { withCounting } from '../store/counting.ts';
import { createMemoryStore } from '../store/memory-store.ts';

/** Characters on either side of the slash and the dot, and where UTF-8 and UTF-16 order differently. */
const unit = fc.constantFrom('!', '%', '.', '/', '0', 'a', '~', 'é', '～', '😀');
const name = fc.oneof(
  // So few that keys and cuts are often the same.
  fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 3 }),
  fc.string({ unit, minLength: 1, maxLength: 5 }),
);
const root = fc.constantFrom('', 'sp/', 'sp', 'a/b/');

const file = (objects: number, cuts: readonly unknown[]) => bytes(JSON.stringify({ version: 1, objects, cuts }));

async function storeOf(keys: readonly string[]): Promise<ObjectStore> {
  const store = delegate(createMemoryStore({ pageSize: 3 }), {});
  for (const key of keys) await store.put(key, bytes('x'));
  return delegate(store, { listings: 4 });
}

async function listed(store: ObjectStore, root: string, options: ListingOptions = {}): Promise<string[]> {
  const keys: string[] = [];
  for await (const objects of listBelow(store, root, options)) keys.push(...objects.map(({ key }) => key));
  return keys;
}

/** Sees which ranges are listed, and how many listings are open. */
class Watched {
  readonly ranges: ListRange[] = [];
  readonly gets: string[] = [];
  open = 0;
  mostOpen = 0;
  readonly store: ObjectStore;

  constructor(
    store: ObjectStore,
    onObject: (object: StoredObject, range: ListRange) => Promise<void> | void = () => {},
  ) {
    const list = async function* (this: Watched, range: ListRange = {}) {
      this.ranges.push(range);
      this.open++;
      this.mostOpen = Math.max(this.mostOpen, this.open);
      try {
        for await (const object of store.list(range)) {
          await onObject(object, range);
          range.signal?.throwIfAborted();
          yield object;
        }
      } finally {
        this.open--;
      }
    };
    this.store = delegate(store, {
      listings: 4,
      list: (range) => list.call(this, range),
      get: (key, options) => {
        this.gets.push(key);
        return store.get(key, options);
      },
    });
  }
}

const metrics = Array.from({ length: 60 }, (_, i) => `m${String(i).padStart(2, '0')}`);
const keys = metrics.flatMap((metric) => [`${metric}/1`, `${metric}/2`, `${metric}/3`]);
const cuts = metrics.filter((_, i) => i % 5 === 4).map((metric) => `${metric}/`);

describe('listBelow', () => {
  it('returns the same as a plain listing, for any cuts', async () => {
    const cut = fc.oneof(
      name.map((name) => `${name}/`),
      name,
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.constantFrom('', '/', '.whisper-backup/', '\ud800/', '\0/', 'a\n/'),
    );
    const anything = fc.oneof(
      { weight: 5, arbitrary: fc.array(cut, { maxLength: 12 }).map((cuts) => file(9, cuts)) },
      fc.json().map(bytes),
      fc.array(fc.anything(), { maxLength: 3 }).map((cuts) => bytes(JSON.stringify({ version: 1, objects: 1, cuts }))),
      fc.uint8Array({ maxLength: 9 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(name, { maxLength: 30 }), root, anything, async (names, root, body) => {
        const store = await storeOf(names.flatMap((name) => [root + name, `${root}${name}/`, `${name}/x`]));
        await store.put(ownKey(root, 'partitions.json'), body);
        assert.deepEqual(await listed(store, root), await keysOf(store, { prefix: root }));
      }),
      { numRuns: 500 },
    );
  });

  it('lists in parts, each with its own range, after the file with the cuts', async () => {
    const watched = new Watched(await storeOf([...keys, '.whisper-backup/owner.json']));
    await watched.store.put('.whisper-backup/partitions.json', file(keys.length, cuts));
    let told: Partitions | undefined;
    const onPartitions = (partitions: Partitions) => {
      told = partitions;
    };
    assert.deepEqual(await listed(watched.store, '', { onPartitions }), await keysOf(watched.store));
    assert.deepEqual(told, { objects: keys.length, cuts });
    assert.equal(watched.mostOpen, 4);
    assert.equal(watched.open, 0);
    const starts = watched.ranges.map(({ startAfter }) => startAfter);
    assert.deepEqual(starts.slice(0, cuts.length + 1), [undefined, ...cuts]);
  });

  it('lists plainly, without extra requests, if there is no such file or the store cannot list in parallel', async () => {
    const watched = new Watched(await storeOf(keys));
    assert.deepEqual(await listed(watched.store, ''), keys);
    assert.equal(watched.ranges.length, 1);
    assert.deepEqual(watched.gets, []);
    await watched.store.put('.whisper-backup/partitions.json', file(keys.length, cuts));
    await listed(delegate(watched.store, {}), '');
    assert.equal(watched.ranges.length, 2);
    assert.deepEqual(watched.gets, []);
  });

  it('finds the file below a storage path, and ignores that of another one', async () => {
    const watched = new Watched(await storeOf(keys.flatMap((key) => [key, `sp/${key}`])));
    await watched.store.put('sp/.whisper-backup/partitions.json', file(keys.length, cuts));
    await listed(watched.store, '');
    assert.deepEqual([watched.ranges.length, watched.gets.length], [1, 0]);
    await listed(watched.store, 'sp/');
    assert.deepEqual(watched.gets, ['sp/.whisper-backup/partitions.json']);
    assert.equal(watched.ranges.at(-1)?.startAfter, `sp/${cuts.at(-1)}`);
  });

  it('lists in parallel through the decorators of the program, too', async () => {
    const watched = new Watched(await storeOf(keys), async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
    });
    await watched.store.put('.whisper-backup/partitions.json', file(keys.length, cuts));
    const limited = withLimit(withRetry(watched.store), { concurrency: 16 });
    const decorated = withDryRun(withBandwidth(withCounting(limited), createBandwidth(1e9)));
    assert.deepEqual(await listed(decorated, ''), await keysOf(watched.store));
    assert.equal(watched.mostOpen, 4);
    assert.equal(watched.open, 0);
  });

  it('ends all listings on abort, on failure of one, and if the reader stops', async () => {
    const controller = new AbortController();
    let failing = false;
    const watched = new Watched(await storeOf(keys), (object, { startAfter }) => {
      if (failing && startAfter === cuts[2] && object.key.endsWith('/2')) throw new TransientError('it broke');
    });
    await watched.store.put('.whisper-backup/partitions.json', file(keys.length, cuts));
    let seen = 0;
    const read = async (after: () => void, options: ListingOptions = {}) => {
      seen = 0;
      for await (const batch of listBelow(watched.store, '', options)) {
        seen += batch.length;
        if (seen > 8) after();
      }
    };
    const enough = new Error('enough');
    const abort = () => controller.abort(enough);
    await assert.rejects(read(abort, { signal: controller.signal }), (error) => error === enough);
    assert.equal(watched.open, 0);
    await assert.rejects(read(abort, { signal: controller.signal }), (error) => error === enough);
    failing = true;
    await assert.rejects(
      read(() => {}),
      /it broke/,
    );
    assert.equal(watched.open, 0);
    failing = false;
    for await (const batch of listBelow(watched.store, '', {})) if (batch[0]?.key === 'm03/1') break;
    for await (const _ of listBelow(watched.store, '', {})) break;
    assert.equal(watched.open, 0);
  });

  it('fails if the file exists but cannot be read', async () => {
    const store = await storeOf(keys);
    await store.put('.whisper-backup/partitions.json', file(keys.length, cuts));
    const broken = delegate(store, { listings: 4, get: () => Promise.reject(new TransientError('it broke')) });
    await assert.rejects(listed(broken, ''), /it broke/);
  });
});
