import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ClaimOptions, claim } from '../../lib/bucket/owner.ts';
import { GuardError } from '../../lib/errors.ts';
import { withCounting } from '../../lib/store/counting.ts';
import { DeniedError } from '../../lib/store/errors.ts';
import { createMemoryStore } from '../../lib/store/memory.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';

const web01 = { id: 'aaaa', host: 'web01' };
const web02 = { id: 'bbbb', host: 'web02' };
const about = { machine: web01, adopt: false, now: new Date('2026-11-22T12:00:00Z') };

async function marker(store: ObjectStore, root = ''): Promise<unknown> {
  const body = await store.get(`${root}.whisper-backup/owner.json`, { maxBytes: 1000 });
  return JSON.parse(new TextDecoder().decode(body));
}

const isForeign = (error: unknown) => error instanceof GuardError && error.code === 'FOREIGN_BUCKET';

describe('claim', () => {
  it('marks a bucket that is nobody’s, and writes nothing the next time', async () => {
    const store = withCounting(createMemoryStore());
    await claim(store, about);
    assert.deepEqual(await marker(store), { machineId: 'aaaa', host: 'web01', since: '2026-11-22T12:00:00.000Z' });
    await claim(store, { ...about, now: new Date('2026-12-01') });
    assert.equal(store.calls.put, 1);
  });

  it('refuses the bucket of another machine, and names both', async () => {
    const store = createMemoryStore();
    await claim(store, about);
    await assert.rejects(claim(store, { ...about, machine: web02 }), (error) => {
      assert.ok(isForeign(error) && error instanceof Error);
      assert.match(error.message, /host "web01" \(machine aaaa\), not of this one \(bbbb\).*--adopt/);
      return true;
    });
    assert.deepEqual(await marker(store), { machineId: 'aaaa', host: 'web01', since: '2026-11-22T12:00:00.000Z' });
  });

  it('knows a machine by its id, not by its host name', async () => {
    const store = createMemoryStore();
    await claim(store, about);
    await claim(store, { ...about, machine: { id: 'aaaa', host: 'renamed' } });
    await assert.rejects(claim(store, { ...about, machine: { id: 'cccc', host: 'web01' } }), isForeign);
  });

  it('takes over with adopt, after which the old machine is the stranger', async () => {
    const store = createMemoryStore();
    await claim(store, about);
    await claim(store, { ...about, machine: web02, adopt: true });
    await assert.rejects(claim(store, about), isForeign);
    await claim(store, { ...about, machine: web02 });
  });

  it('keeps one owner for each storage path', async () => {
    const store = createMemoryStore();
    const at = (options: Partial<ClaimOptions>) => claim(store, { ...about, ...options });
    await at({ storagePath: 'sp' });
    await at({ storagePath: 'sp2', machine: web02 });
    await at({ machine: web02 });
    assert.deepEqual(await marker(store, 'sp/'), {
      machineId: 'aaaa',
      host: 'web01',
      since: '2026-11-22T12:00:00.000Z',
    });
    await assert.rejects(at({ storagePath: '/sp/', machine: web02 }), isForeign);
  });

  it('takes a marker that it cannot read for that of a stranger', async () => {
    for (const text of ['', '{', 'null', '{"machineId": 7, "host": "x", "since": ""}', '{"host": "web01"}']) {
      const store = createMemoryStore();
      await store.put('.whisper-backup/owner.json', new TextEncoder().encode(text));
      await assert.rejects(claim(store, about), isForeign, text);
      await claim(store, { ...about, adopt: true });
      await claim(store, about);
    }
  });

  it('does not take a store that refuses to answer for a bucket without an owner', async () => {
    const refusing = delegate(createMemoryStore(), { get: () => Promise.reject(new DeniedError('no')) });
    const store = withCounting(refusing);
    await assert.rejects(claim(store, about), DeniedError);
    assert.equal(store.calls.put, 0);
  });
});
