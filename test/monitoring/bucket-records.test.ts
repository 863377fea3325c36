import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { catalog } from '../../lib/bucket/catalog.ts';
import { runEndOf, runKey } from '../../lib/bucket/layout.ts';
import { each } from '../../lib/common/pages.ts';
import { RunRecords, readRunRecords } from '../../lib/monitoring/bucket-records.ts';
import type { NewRunRecord } from '../../lib/monitoring/run-record.ts';
import { DeniedError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';
import { withCounting } from '../store/counting.ts';
import { createMemoryStore } from '../store/memory-store.ts';

const day = (number: number) => new Date(Date.UTC(2026, 0, number, 3));

function recordOf(ended: Date): NewRunRecord {
  const finished = ended.toISOString();
  const about = { program: '1.0.0', host: 'web01', machine: 'abc', command: 'backup' } as const;
  return { ...about, started: finished, finished, seconds: 0, exitCode: 0, interval: 86_400 };
}

/** Writes a record like a run, with the keys of its listing. */
async function runOn(store: ObjectStore, ended: Date, storagePath = ''): Promise<void> {
  const records = new RunRecords({ storagePath });
  const events = { onOwn: records.found, onDisorder: () => {}, onForeign: (key: string) => assert.fail(key) };
  for await (const stored of each(catalog(store, { storagePath }, events))) assert.fail(stored.metric);
  await records.keep(store, recordOf(ended), ended);
}

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list()) keys.push(key);
  return keys;
}

async function daysOf(store: ObjectStore, storagePath = ''): Promise<number[]> {
  const days: number[] = [];
  for await (const { finished } of readRunRecords(store, { storagePath })) {
    days.push((Date.parse(finished) - day(0).getTime()) / 86_400_000);
  }
  return days;
}

describe('The records of runs in a bucket', () => {
  it('have a key with the end of the run, which no other key has', () => {
    assert.equal(runKey('sp/', day(1)), 'sp/.whisper-backup/runs/2026-01-01T03:00:00+00:00.json');
    assert.deepEqual(runEndOf('sp/', runKey('sp/', day(1))), day(1));
    for (const key of ['sp/.whisper-backup/owner.json', runKey('', day(1)), `${runKey('sp/', day(1))}x`]) {
      assert.equal(runEndOf('sp/', key), undefined);
    }
  });

  it('need one put each, and every eleventh run one deletion of eleven; the newest 30 stay', async () => {
    const store = withCounting(createMemoryStore());
    for (let i = 1; i <= 40; i++) await runOn(store, day(i));
    assert.deepEqual([store.calls.put, store.calls.delete, store.calls.get], [40, 0, 0]);
    for (let i = 41; i <= 52; i++) await runOn(store, day(i));
    assert.deepEqual([store.calls.put, store.calls.delete], [52, 2]);
    assert.deepEqual((await keysOf(store)).at(0), runKey('', day(23)));
    assert.equal((await keysOf(store)).length, 30);
  });

  it('are read newest first, and only as far as requested', async () => {
    const store = withCounting(createMemoryStore());
    for (let i = 1; i <= 35; i++) await runOn(store, day(i));
    assert.deepEqual(
      await daysOf(store),
      Array.from({ length: 35 }, (_, i) => 35 - i),
    );
    const before = store.calls.get;
    for await (const _ of readRunRecords(store, {})) break;
    assert.equal(store.calls.get, before + 1);
  });

  it('are separate for each storage path', async () => {
    const store = createMemoryStore();
    await runOn(store, day(2));
    await runOn(store, day(1), 'sp');
    assert.deepEqual(await daysOf(store, 'sp'), [1]);
    assert.deepEqual(await daysOf(store), [2]);
  });

  it('are skipped and reported if they are invalid', async () => {
    const store = createMemoryStore();
    await runOn(store, day(1));
    await store.put(runKey('', day(2)), new TextEncoder().encode('{"version":1}'));
    await store.put(runKey('', day(3)), new Uint8Array(5 * 1024 * 1024));
    await store.put('.whisper-backup/runs/zzz.json', new Uint8Array(1));
    const told: string[] = [];
    const found = [];
    for await (const { finished } of readRunRecords(store, {}, { onUnusable: (message) => told.push(message) })) {
      found.push(finished);
    }
    assert.deepEqual(found, [day(1).toISOString()]);
    assert.equal(told.length, 2);
  });

  it('lose only the oldest, also in a bucket with thousands of them', async () => {
    const store = createMemoryStore();
    const seconds = (i: number) => new Date(day(1).getTime() + i * 1000);
    for (let i = 0; i < 1500; i++) await store.put(runKey('', seconds(i)), new Uint8Array(2));
    await runOn(store, day(2));
    const left = await keysOf(store);
    assert.equal(left.length, 1501 - 971);
    assert.equal(left.at(-1), runKey('', day(2)));
    assert.deepEqual(await daysOf(store), [2]);
  });

  it('cause an error if the bucket rejects one, or its deletion', async () => {
    const memory = createMemoryStore();
    for (let i = 1; i <= 40; i++) await runOn(memory, day(i));
    const denied = new DeniedError('no');
    const noPut = delegate(memory, { put: () => Promise.reject(denied) });
    await assert.rejects(runOn(noPut, day(41)), denied);
    const noDelete = delegate(memory, { delete: async (keys) => keys.map((key) => ({ key, error: denied })) });
    await assert.rejects(runOn(noDelete, day(41)), denied);
  });
});
