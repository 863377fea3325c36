import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PART_OBJECTS, PartitionRecorder, readPartitions } from '../../lib/bucket/partitions.ts';
import { TransientError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';
import { bytes, keysOf, text } from '../store/collect.ts';
import { createMemoryStore } from '../store/memory-store.ts';

const KEY = '.whisper-backup/partitions.json';

function serviceStore(): ObjectStore {
  return delegate(createMemoryStore(), { listings: 8 });
}

/** What a run learns that passes so many metrics with so many objects each. */
function passed(metrics: number, objects: number, nameOf = (i: number) => `m${String(i).padStart(7, '0')}`) {
  const recorder = new PartitionRecorder();
  for (let i = 0; i < metrics; i++) recorder.recordMetric(`${nameOf(i)}/`, objects);
  return recorder;
}

describe('PartitionRecorder', () => {
  it('divides a bucket into parts of a few thousand objects, and stores the cuts in the bucket', async () => {
    const store = serviceStore();
    await passed(10 * PART_OBJECTS, 5).save(store, { storagePath: 'sp' });
    const { objects, cuts } = await readPartitions(store, 'sp/', undefined);
    assert.equal(objects, 50 * PART_OBJECTS);
    assert.equal(cuts.length, 49);
    assert.equal(cuts[0], `m${String(PART_OBJECTS / 5).padStart(7, '0')}/`);
    assert.deepEqual(await keysOf(store), [`sp/${KEY}`]);
  });

  it('stores nothing for a bucket with one part, or in a store that cannot list in parallel', async () => {
    const store = serviceStore();
    await passed(10, PART_OBJECTS / 10).save(store, {});
    assert.deepEqual(await keysOf(store), []);
    await passed(100, PART_OBJECTS).save(delegate(store, {}), {});
    assert.deepEqual(await keysOf(store), []);
  });

  it('stores new cuts only if the bucket has changed by more than a quarter', async () => {
    const store = serviceStore();
    await passed(20, PART_OBJECTS).save(store, {});
    const { objects, cuts } = await readPartitions(store, '', undefined);
    const isWritten = async (metrics: number, found = { objects, cuts }) => {
      await store.put(KEY, bytes('old'));
      const recorder = passed(metrics, PART_OBJECTS);
      recorder.recordFile(found);
      await recorder.save(store, {});
      const keys = await keysOf(store);
      return keys.length === 0 ? 'deleted' : text(await store.get(KEY, { maxBytes: 1e6 })) !== 'old';
    };
    assert.equal(await isWritten(16), false);
    assert.equal(await isWritten(25), false);
    assert.equal(await isWritten(26), true);
    assert.equal(await isWritten(14), true);
    assert.equal(await isWritten(20, { objects, cuts: [] }), true);
    // A small bucket needs no cuts.
    assert.equal(await isWritten(1), 'deleted');
  });

  it('keeps few names in memory for a bucket of any size', async () => {
    const store = serviceStore();
    const long = 'x'.repeat(400);
    await passed(20_000, PART_OBJECTS, (i) => `${long}${String(i).padStart(7, '0')}`).save(store, {});
    const { cuts } = await readPartitions(store, '', undefined);
    assert.ok(cuts.length > 1000 && cuts.length <= 4096, `${cuts.length} cuts`);
    const gaps = cuts.slice(1).map((cut, i) => Number(cut.slice(400, 407)) - Number(cuts[i]?.slice(400, 407)));
    assert.deepEqual([...new Set(gaps)].length, 1, 'parts are of one size');
  });
});

describe('readPartitions', () => {
  const read = async (content: unknown) => {
    const store = serviceStore();
    await store.put(KEY, bytes(typeof content === 'string' ? content : JSON.stringify(content)));
    return (await readPartitions(store, '', undefined)).cuts;
  };

  it('returns only ascending cuts that are valid bounds', async () => {
    const cuts = ['b/', 'a/', 'b/', 'c', 'd//', 'e/', '/', '', 'f\n/', '\ud800/', `${'g'.repeat(600)}/`, '～/', '😀/'];
    assert.deepEqual(await read({ version: 1, objects: 9, cuts }), ['b/', 'e/', '～/', '😀/']);
  });

  it('limits the number of cuts', async () => {
    const cuts = Array.from({ length: 20_000 }, (_, i) => `${String(i).padStart(5, '0')}/`);
    const taken = await read({ version: 1, objects: 9, cuts });
    assert.ok(taken.length > 2000 && taken.length <= 4096);
  });

  it('returns no cuts for other content', async () => {
    for (const content of [
      '',
      'x',
      '[]',
      'null',
      '{"version":2,"objects":1,"cuts":["a/"]}',
      '{"version":1,"cuts":[1]}',
    ]) {
      assert.deepEqual(await read(content), [], content);
    }
    assert.deepEqual(await read({ version: 1, objects: 1, cuts: ['a/', 'x'.repeat(2 ** 21)] }), []);
    assert.deepEqual((await readPartitions(serviceStore(), '', undefined)).cuts, []);
  });

  it('distinguishes an error of the store from a missing file', async () => {
    const get = () => Promise.reject(new TransientError('it broke'));
    await assert.rejects(readPartitions(delegate(serviceStore(), { get }), '', undefined), /it broke/);
  });
});
