import assert from 'node:assert/strict';
import { rm, symlink } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { type ClaimOptions, claim } from '../../lib/bucket/owner.ts';
import { GuardError } from '../../lib/common/errors.ts';
import { DeniedError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { withCounting } from '../store/counting.ts';
import { createMemoryStore } from '../store/memory-store.ts';

const web01 = { id: 'aaaa', host: 'web01' };
const web02 = { id: 'bbbb', host: 'web02' };
const about = { machine: web01, adopt: false, now: new Date('2026-11-22T12:00:00Z') };

async function marker(store: ObjectStore, root = ''): Promise<unknown> {
  const body = await store.get(`${root}.whisper-backup/owner.json`, { maxBytes: 1000 });
  return JSON.parse(new TextDecoder().decode(body));
}

const isForeign = (error: unknown) => error instanceof GuardError && error.code === 'FOREIGN_BUCKET';

describe('claim', () => {
  it('marks a bucket without an owner, and writes nothing the next time', async () => {
    const store = withCounting(createMemoryStore());
    await claim(store, about);
    assert.deepEqual(await marker(store), { machineId: 'aaaa', host: 'web01', since: '2026-11-22T12:00:00.000Z' });
    await claim(store, { ...about, now: new Date('2026-12-01') });
    assert.equal(store.calls.put, 1);
  });

  it('rejects the bucket of another machine, and names both', async () => {
    const store = createMemoryStore();
    await claim(store, about);
    await assert.rejects(claim(store, { ...about, machine: web02 }), (error) => {
      assert.ok(isForeign(error) && error instanceof Error);
      assert.match(error.message, /host "web01" \(machine aaaa\), not of this one \(bbbb\).*--adopt/);
      return true;
    });
    assert.deepEqual(await marker(store), { machineId: 'aaaa', host: 'web01', since: '2026-11-22T12:00:00.000Z' });
  });

  it('rejects another host name with the same machine id, names both, and accepts it with adopt', async () => {
    const store = createMemoryStore();
    await claim(store, about);
    const renamed = { ...about, machine: { id: 'aaaa', host: 'renamed' } };
    await assert.rejects(claim(store, renamed), {
      code: 'OTHER_HOST',
      message: /host "web01".*the name "renamed".*renamed.*--adopt.*clone/,
    });
    await claim(store, { ...renamed, adopt: true });
    await claim(store, renamed);
    await assert.rejects(claim(store, about), { code: 'OTHER_HOST' });
    await assert.rejects(claim(store, { ...about, machine: { id: 'cccc', host: 'renamed' } }), isForeign);
  });

  it('rejects another prefix, names both, and accepts it with adopt', async () => {
    const store = withCounting(createMemoryStore());
    await claim(store, { ...about, prefix: '/whisper' });
    const deeper = { ...about, prefix: '/whisper/servers' };
    await assert.rejects(claim(store, deeper), {
      code: 'OTHER_PREFIX',
      message: /of the tree \/whisper, not of \/whisper\/servers.*--adopt/,
    });
    assert.equal(store.calls.put, 1);
    await claim(store, { ...deeper, adopt: true });
    await claim(store, deeper);
    await assert.rejects(claim(store, { ...about, prefix: '/whisper' }), { code: 'OTHER_PREFIX' });
    // A repair has no tree, so no prefix is compared.
    await claim(store, about);
  });

  it('accepts a prefix with the same path or leading to the same directory', async () => {
    await using scratch = await createScratch();
    const [one, two, link] = [await scratch.directory('one'), await scratch.directory('two'), scratch.at('link')];
    await symlink(one, link);
    const store = createMemoryStore();
    await claim(store, { ...about, prefix: link });
    for (const prefix of [one, link, `${link}/`]) await claim(store, { ...about, prefix });
    await assert.rejects(claim(store, { ...about, prefix: two }), { code: 'OTHER_PREFIX' });
    // The tree was moved to another disk, and the link with it.
    await rm(link);
    await symlink(two, link);
    await claim(store, { ...about, prefix: link });
    await claim(store, { ...about, prefix: two });
  });

  it('completes the marker of an older release on request, and keeps its date', async () => {
    for (const old of [
      { machineId: 'aaaa', host: 'web01', since: '2026-01-01T00:00:00.000Z' },
      { machineId: 'aaaa', since: '2026-01-01T00:00:00.000Z' },
    ]) {
      const store = withCounting(createMemoryStore());
      await store.put('.whisper-backup/owner.json', new TextEncoder().encode(JSON.stringify(old)));
      await claim(store, { ...about, prefix: '/whisper' });
      assert.deepEqual(await marker(store), old);
      await claim(store, { ...about, prefix: '/whisper', complete: true });
      await claim(store, { ...about, prefix: '/whisper', complete: true });
      assert.deepEqual(await marker(store), { ...old, host: 'web01', prefix: '/whisper' });
      assert.equal(store.calls.put, 2);
    }
  });

  it('takes over with adopt, and then rejects the old machine', async () => {
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

  it('treats an unreadable marker as that of another machine', async () => {
    for (const text of ['', '{', 'null', '{"machineId": 7, "host": "x", "since": ""}', '{"host": "web01"}']) {
      const store = createMemoryStore();
      await store.put('.whisper-backup/owner.json', new TextEncoder().encode(text));
      await assert.rejects(claim(store, about), isForeign, text);
      await claim(store, { ...about, adopt: true });
      await claim(store, about);
    }
  });

  it('fails if the marker cannot be fetched', async () => {
    const refusing = delegate(createMemoryStore(), { get: () => Promise.reject(new DeniedError('no')) });
    const store = withCounting(refusing);
    await assert.rejects(claim(store, about), DeniedError);
    assert.equal(store.calls.put, 0);
  });
});
