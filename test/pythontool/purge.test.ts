import assert from 'node:assert/strict';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { ObjectStore } from '../../lib/store/store.ts';
import { backUp, Clock, purgeGone, restoreTree } from '../fixtures/operations.ts';
import { putPair } from '../fixtures/python-bucket.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, plantTree, readTree } from '../fixtures/tree.ts';
import { keysOf } from '../store/collect.ts';
import { createMemoryStore } from '../store/memory-store.ts';

const NAMES = ['servers/web01/cpu.wsp', 'servers/web01/load.wsp', '1minute.wsp', 'caf\u00e9.wsp'];

describe('purge', () => {
  it('python tool #1: with a storage path keeps every backup of a metric that is there, however old', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    const files = await plantTree(scratch.at('tree'), NAMES);
    for (const [name, bytes] of files) {
      const metric = name.replace(/\.wsp$/, '').replaceAll('/', '.');
      await putPair(store, metric, '2025-12-31T00:00:00+00:00', bytes, { root: 'sp/' });
    }
    const before = await keysOf(store, { prefix: 'sp/' });
    for (let runs = 0; runs < 3; runs++) {
      clock.pass({ days: 100 });
      const summary = await purgeGone(store, scratch.at('tree'), { storagePath: 'sp', purge: 45, now: clock.now });
      assert.equal(summary.counts['metrics'], NAMES.length);
      assert.equal(summary.counts['deleted'], 0);
    }
    assert.deepEqual(await pairsOf(store, 'sp/'), before);
    await restoreTree(store, scratch.at('restored'), { storagePath: 'sp' });
    assert.deepEqual(contents(await readTree(scratch.at('restored'))), contents(files));
  });

  for (const [what, make, code] of [
    ['is missing (a mistyped name)', async () => {}, 'TREE_MISSING'],
    ['is a file', (path: string) => writeFile(path, ''), 'TREE_MISSING'],
    ['is empty (nothing is mounted)', (path: string) => mkdir(path), 'TREE_EMPTY'],
    ['has directories without a file', (path: string) => mkdir(`${path}/a/b`, { recursive: true }), 'TREE_EMPTY'],
  ] as const) {
    it(`python tool #3: deletes nothing and says so when the prefix ${what}`, async () => {
      await using scratch = await createScratch();
      const clock = new Clock('2026-01-01T00:00:00Z');
      const store = createMemoryStore({ now: clock.now });
      await plantTree(scratch.at('tree'), NAMES);
      await backUp(store, scratch.at('tree'), { now: clock.now });
      const before = await keysOf(store);
      clock.pass({ days: 100 });
      await rename(scratch.at('tree'), scratch.at('unmounted'));
      await make(scratch.at('tree'));
      const purging = purgeGone(store, scratch.at('tree'), { purge: 0, now: clock.now });
      if (code === 'TREE_MISSING') await assert.rejects(purging, { code, message: /\/tree \(--prefix\)/ });
      else assert.equal((await purging).stopped?.code, code);
      assert.deepEqual(await keysOf(store), before);
    });
  }

  it('python tool #3: deletes nothing when most of the tree is missing, as with one of two disks', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    const names = Array.from({ length: 30 }, (_, i) => `${i < 8 ? 'here' : 'mounted'}/m${i}.wsp`);
    await plantTree(scratch.at('tree'), names);
    await backUp(store, scratch.at('tree'), { now: clock.now });
    const before = await keysOf(store);
    await rm(scratch.at('tree', 'mounted'), { recursive: true });
    clock.pass({ days: 1 });
    for (const purge of [0, 45]) {
      const summary = await purgeGone(store, scratch.at('tree'), { purge, now: clock.now });
      assert.ok(summary.stopped?.code === 'TOO_MANY_GONE' || summary.stopped?.code === 'TOO_MANY_DUE');
      assert.deepEqual(await keysOf(store), before);
    }
  });

  it('python tool #11: of one storage path leaves every other one of the bucket alone', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    const places = ['', 'sp', 'sp2', '1st'];
    for (const storagePath of places) {
      await plantTree(scratch.at('tree', storagePath || 'root'), [...NAMES, `${storagePath}only.wsp`]);
      await backUp(store, scratch.at('tree', storagePath || 'root'), { storagePath, now: clock.now });
    }
    await plantTree(scratch.at('living'), ['living.wsp']);
    clock.pass({ days: 100 });
    for (const storagePath of places) {
      const others = await keysOutside(store, storagePath, places);
      await purgeGone(store, scratch.at('living'), { storagePath, purge: 0, now: clock.now, adopt: true });
      const left = await keysOf(store);
      assert.deepEqual(await keysOutside(store, storagePath, places), others, storagePath);
      const own = left.filter((key) => !others.includes(key) && !key.includes('.whisper-backup/'));
      assert.deepEqual(own, [], storagePath);
    }
  });

  it('python tool #12: counts from the deletion, not from the last backup, of a metric that was long idle', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    const files = await plantTree(scratch.at('tree'), NAMES);
    await backUp(store, scratch.at('tree'), { now: clock.now });
    clock.pass({ days: 300 });
    await rm(scratch.at('tree', '1minute.wsp'));
    const purged: (number | undefined)[] = [];
    for (const days of [0, 1, 43, 1.1]) {
      clock.pass({ days });
      // Restorable until the very end.
      await restoreTree(store, scratch.at('looked', String(days)), { metrics: '1minute' });
      const found = await readTree(scratch.at('looked', String(days)));
      assert.deepEqual(found.get('1minute.wsp'), files.get('1minute.wsp'));
      purged.push((await purgeGone(store, scratch.at('tree'), { purge: 45, now: clock.now })).counts['purged']);
    }
    assert.deepEqual(purged, [0, 0, 0, 1]);
    assert.deepEqual(await keysOf(store, { prefix: '1minute' }), []);
  });

  it('python tool #18: of -1 deletes nothing, ever', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    const files = await plantTree(scratch.at('tree'), NAMES);
    await backUp(store, scratch.at('tree'), { now: clock.now, purge: -1 });
    await rm(scratch.at('tree', '1minute.wsp'));
    for (let runs = 0; runs < 3; runs++) {
      clock.pass({ days: 1000 });
      const summary = await purgeGone(store, scratch.at('tree'), { purge: -1, now: clock.now });
      assert.deepEqual([summary.counts['deleted'], summary.stopped], [0, undefined]);
    }
    await restoreTree(store, scratch.at('restored'));
    assert.deepEqual(contents(await readTree(scratch.at('restored'))), contents(files));
  });

  it('python tool #28: sweeps data that never got its checksum, once that is older than a day', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    const files = await plantTree(scratch.at('tree'), ['a.wsp']);
    const [whole] = files.values();
    assert.ok(whole);
    const kept = await putPair(store, 'a', '2025-12-01T00:00:00+00:00', whole);
    const lone = await putPair(store, 'a', '2025-12-02T00:00:00+00:00', whole);
    await store.delete([lone.sha1]);
    clock.pass({ hours: 23 });
    assert.equal((await purgeGone(store, scratch.at('tree'), { now: clock.now })).counts['deleted'], 0);
    clock.pass({ hours: 2 });
    assert.equal((await purgeGone(store, scratch.at('tree'), { now: clock.now })).counts['deleted'], 1);
    assert.deepEqual(await pairsOf(store, 'a/'), [kept.sha1, kept.data]);
  });
});

/** The keys below a prefix that are no tombstones. */
async function pairsOf(store: ObjectStore, prefix: string): Promise<string[]> {
  return (await keysOf(store, { prefix })).filter((key) => /\.(sha1|wsp\.\w+)$/.test(key));
}

/** The keys that are not of this storage path. */
async function keysOutside(store: ObjectStore, storagePath: string, places: readonly string[]): Promise<string[]> {
  const others = places.filter((place) => place !== '' && place !== storagePath);
  return (await keysOf(store)).filter((key) => {
    if (storagePath === '') return others.some((place) => key.startsWith(`${place}/`));
    return !key.startsWith(`${storagePath}/`);
  });
}
