import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { backUp, Clock, codesOf, listAll, restoreTree } from '../fixtures/operations.ts';
import { putPair } from '../fixtures/python-bucket.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, plantTree, readTree, whisperFile } from '../fixtures/tree.ts';
import { keysOf } from '../store/collect.ts';
import { createMemoryStore } from '../store/memory-store.ts';

/** The keys of all pairs, without their times. */
async function rootsOf(store: ObjectStore): Promise<string[]> {
  const pairs = (await keysOf(store)).filter((key) => /\.(wsp\.gz|sha1)$/.test(key));
  return pairs.map((key) => key.replace(/\/[^/]*\.(wsp\.gz|sha1)$/, ' $1'));
}

describe('names', () => {
  it('python tool #2: with --layout python, writes the keys that each version reads', async () => {
    await using scratch = await createScratch();
    await plantTree(scratch.at('tree'), ['servers/a.wsp']);
    for (const [place, root] of [
      // 0.3.0 without a storage path, the git head without one, and both with one.
      [{}, ''],
      [{ storagePathRaw: '/' }, '/'],
      [{ storagePath: 'sp' }, 'sp/'],
    ] as const) {
      const store = createMemoryStore();
      for (const expected of ['stored', 'unchanged'] as const) {
        const { counts } = await backUp(store, scratch.at('tree'), { ...place, layout: 'python' });
        assert.equal(counts[expected], 1, `${root} ${expected}`);
      }
      assert.deepEqual(await rootsOf(store), [`${root}servers.a sha1`, `${root}servers.a wsp.gz`]);
      const { counts } = await restoreTree(store, scratch.at(`back${root.replace('/', '-')}`), place);
      assert.equal(counts['restored'], 1);
    }
  });

  it('python tool #2: finds what every version wrote, with and without the leading slash in one bucket', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const file = (seed: number) => whisperFile({ seed });
    await putPair(store, 'both', '2026-01-01T00:00:00+00:00', file(1));
    await putPair(store, 'both', '2026-01-02T00:00:00+00:00', file(2), { root: '/' });
    await putPair(store, 'web.cpu', '2026-01-01T00:00:00+00:00', file(3));
    await putPair(store, 'web.cpu-user', '2026-01-01T00:00:00+00:00', file(4), { root: '/' });
    await putPair(store, 'a', '2026-01-01T00:00:00+00:00', file(5), { root: 'sp/' });
    await putPair(store, 'a', '2026-01-01T00:00:00+00:00', file(6), { root: 'sp' });

    const places = [
      [{}, { 'both.wsp': 2, 'spa.wsp': 6, 'web/cpu.wsp': 3, 'web/cpu-user.wsp': 4 }],
      [{ storagePath: '/' }, { 'both.wsp': 2, 'spa.wsp': 6, 'web/cpu.wsp': 3, 'web/cpu-user.wsp': 4 }],
      [{ storagePath: 'sp' }, { 'a.wsp': 5 }],
      [{ storagePath: 'sp/' }, { 'a.wsp': 5 }],
      [{ storagePathRaw: 'sp' }, { 'a.wsp': 6 }],
    ] as const;
    for (const [index, [place, seeds]] of places.entries()) {
      const summary = await restoreTree(store, scratch.at(String(index)), place);
      assert.deepEqual(summary.failed, []);
      const expected = new Map(Object.entries(seeds).map(([name, seed]) => [name, file(seed)]));
      assert.deepEqual(contents(await readTree(scratch.at(String(index)))), contents(expected), JSON.stringify(place));
    }
  });

  it('python tool #10: keeps files apart whose paths differ in dots alone, and a metric from its own x.sha1', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    const names = [
      'a.b/c.wsp',
      'a/b.c.wsp',
      'a/b/c.wsp',
      'x.wsp',
      'x.sha1.wsp',
      'x/sha1.wsp',
      'x.wsp.wsp',
      'caf\u00e9.wsp',
    ];
    let files = new Map<string, Uint8Array>();
    for (let runs = 0; runs < 3; runs++) {
      files = await plantTree(scratch.at('tree'), names, { now: clock.seconds });
      const summary = await backUp(store, scratch.at('tree'), { retention: 2, purge: 0, now: clock.now });
      assert.deepEqual([summary.counts['stored'], summary.counts['purged']], [names.length, 0]);
      clock.pass({ days: 1 });
    }
    const listed = await listAll(store);
    assert.equal(listed.length, 2 * names.length);
    await restoreTree(store, scratch.at('restored'));
    assert.deepEqual(contents(await readTree(scratch.at('restored'))), contents(files));
  });

  it('python tool #10: leaves a pair alone that may be the backup of a file with a dot in its name', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    await putPair(store, 'a.b.c', '2025-12-01T00:00:00+00:00', whisperFile({ seed: 9 }));
    await plantTree(scratch.at('tree'), ['a.b/c.wsp']);
    for (let runs = 0; runs < 2; runs++) {
      clock.pass({ days: 100 });
      const summary = await backUp(store, scratch.at('tree'), { purge: 0, now: clock.now });
      assert.deepEqual([summary.counts['tombstones'], summary.counts['purged'], summary.counts['deleted']], [0, 0, 0]);
    }
    // Missing is only certain if no such file exists.
    await rm(scratch.at('tree', 'a.b'), { recursive: true });
    await plantTree(scratch.at('tree'), ['other.wsp']);
    const summary = await backUp(store, scratch.at('tree'), { purge: 0, now: clock.now });
    assert.equal(summary.counts['purged'], 2);
  });

  it('python tool #11: restores one storage path of a bucket that holds others', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const trees = new Map<string, Map<string, Uint8Array>>();
    for (const [index, storagePath] of ['', 'sp', 'sp2'].entries()) {
      const names = ['1st.wsp', `own${index}.wsp`];
      trees.set(storagePath, await plantTree(scratch.at(`tree${index}`), names));
      await backUp(store, scratch.at(`tree${index}`), { storagePath });
    }
    for (const [storagePath, files] of trees) {
      const prefix = scratch.at('restored', storagePath || 'root');
      const summary = await restoreTree(store, prefix, { storagePath });
      assert.deepEqual(summary.failed, []);
      assert.deepEqual(contents(await readTree(prefix)), contents(files), storagePath);
    }
  });

  it('python tool #23: stores on a disk what looks like a pattern, and what has the name of the bucket', async () => {
    await using scratch = await createScratch();
    const names = ['[ab]/x.wsp', '*/x.wsp', 'a/x.wsp', '?.wsp', 'bucket/bucket.wsp', 'bucket.wsp', 'my-bucket-x.wsp'];
    const files = await plantTree(scratch.at('tree'), names);
    await plantTree(scratch.at('tree'), [`${'n'.repeat(200)}/${'m'.repeat(56)}.wsp`]);
    const store = createDiskStore({ path: scratch.at('bucket') });
    const summary = await backUp(store, scratch.at('tree'));
    assert.deepEqual(codesOf(summary.failed), { [`${'n'.repeat(200)}.${'m'.repeat(56)}`]: 'PERMANENT' });
    assert.match(summary.failed[0]?.reason ?? '', /has 257 bytes, the limit is 255/);
    await restoreTree(store, scratch.at('restored'));
    assert.deepEqual(contents(await readTree(scratch.at('restored'))), contents(files));
    const found = await listAll(store, { metrics: '[[]ab]*' });
    assert.deepEqual(
      found.map(({ metric }) => metric),
      ['[ab].x'],
    );
    await store.close();
  });

  it('python tool #24: lists what the glob matches, in the storage path alone, with names as they are', async () => {
    const store = createMemoryStore();
    const file = whisperFile();
    for (const root of ['', 'sp/', '/']) {
      for (const metric of ['web.cpu', 'web.load', 'sp.x']) {
        await putPair(store, metric, `2026-01-0${root.length + 1}T00:00:00+00:00`, file, { root });
      }
    }
    const names = async (options: Parameters<typeof listAll>[1]) =>
      (await listAll(store, options)).map(({ metric, date }) => `${metric} ${date.slice(0, 10)}`);
    assert.deepEqual(await names({ metrics: 'web.*', storagePath: 'sp' }), [
      'web.cpu 2026-01-04',
      'web.load 2026-01-04',
    ]);
    assert.deepEqual(await names({ metrics: '*.cpu' }), ['web.cpu 2026-01-01', 'web.cpu 2026-01-02']);
    assert.deepEqual(await names({ exclude: ['web.*'] }), ['sp.x 2026-01-01', 'sp.x 2026-01-02']);
    assert.deepEqual(await names({ metrics: 'nothing' }), []);
  });
});
