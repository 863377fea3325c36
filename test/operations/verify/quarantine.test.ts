import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { claim } from '../../../lib/bucket/owner.ts';
import { formatTimestamp } from '../../../lib/common/timestamp.ts';
import type { VerifyOptions } from '../../../lib/operations/verify/verify.ts';
import { withDryRun } from '../../../lib/store/decorators/dry-run.ts';
import { createDiskStore } from '../../../lib/store/drivers/disk/disk.ts';
import { DeniedError, TransientError } from '../../../lib/store/errors.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { Bucket, daysAgo } from '../../fixtures/bucket.ts';
import { delegate } from '../../fixtures/delegate.ts';
import { metricFile, plantMetrics } from '../../fixtures/metric.ts';
import { backUp, codesOf, listAll, machine, purgeGone, restoreTree, verifyAll } from '../../fixtures/operations.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { contents, readTree } from '../../fixtures/tree.ts';
import { keysOf } from '../../store/collect.ts';
import { createMemoryStore } from '../../store/memory-store.ts';

const repair = { machine };
const junk = new TextEncoder().encode('junk');
const NAMES = ['a', 'servers/web01/cpu', 'v1.2/load', 'caf\u00e9/x y'];

/** Overwrites every backup's data, or what `pick` chooses, with this. @returns their keys. */
async function spoil(store: ObjectStore, body: Uint8Array, pick = /\.wsp\.\w+$/): Promise<string[]> {
  const keys = (await keysOf(store)).filter((key) => pick.test(key) && !key.includes('.whisper-backup/'));
  for (const key of keys) await store.put(key, body);
  return keys;
}

/** A store whose listing has keys until they are deleted, although their objects are gone. */
function withGhosts(store: ObjectStore, keys: readonly string[]): ObjectStore {
  const ghosts = new Set(keys);
  return delegate(store, {
    get: (key, options) => store.get(ghosts.has(key) ? `${key}?` : key, options),
  });
}

async function snapshotOf(store: ObjectStore): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const key of await keysOf(store))
    found[key] = Buffer.from(await store.get(key, { maxBytes: 1e9 })).toString('hex');
  return found;
}

describe('verify --repair', () => {
  const cases = [
    { kind: 'memory', format: { layout: 'native', algorithm: 'gz' }, place: {} },
    { kind: 'memory', format: { layout: 'native', algorithm: 'zst' }, place: { storagePath: 'deep/sp' } },
    { kind: 'memory', format: { layout: 'python', algorithm: 'gz' }, place: { storagePathRaw: 'raw' } },
    { kind: 'disk', format: { layout: 'native', algorithm: 'gz' }, place: { storagePath: 'sp' } },
    { kind: 'disk', format: { layout: 'python', algorithm: 'gz' }, place: {} },
  ] as const;
  for (const { kind, format, place } of cases) {
    const where = `${kind}, ${format.layout} ${format.algorithm}, ${JSON.stringify(place)}`;
    it(`moves damage aside, so that the next backup stores it again: ${where}`, async () => {
      await using scratch = await createScratch();
      const tree = await scratch.directory('tree');
      const names = format.layout === 'python' ? NAMES.filter((name) => !name.includes('.')) : NAMES;
      await plantMetrics(tree, names);
      const store = kind === 'memory' ? createMemoryStore() : createDiskStore({ path: scratch.at('bucket') });
      await backUp(store, tree, { ...format, ...place });
      const spoiled = await spoil(store, junk);
      assert.equal(spoiled.length, names.length);

      const unchanged = await backUp(store, tree, { ...format, ...place });
      assert.equal(unchanged.counts['stored'], 0, 'a backup cannot see the damage');
      const options = { ...place, readData: true };
      const { counts, damaged = [], failed } = await verifyAll(store, { ...options, repair });
      assert.deepEqual([counts['damaged'], counts['moved'], failed], [names.length, names.length, []]);
      const root = 'storagePath' in place ? `${place.storagePath}/` : 'storagePathRaw' in place ? 'raw' : '';
      assert.deepEqual(
        damaged.map(({ key, movedTo }) => [key, movedTo]).toSorted(),
        spoiled.map((key) => [key, `${root}.whisper-backup/quarantine/${key.slice(root.length)}.damaged`]).toSorted(),
      );
      for (const { movedTo = '' } of damaged) {
        assert.deepEqual(new Uint8Array(await store.get(movedTo, { maxBytes: 1e9 })), junk);
      }
      const left = (await keysOf(store)).filter((key) => !key.includes('.whisper-backup/'));
      assert.deepEqual(left, []);

      assert.deepEqual(await listAll(store, place), []);
      const again = await backUp(store, tree, { ...format, ...place });
      assert.equal(again.counts['stored'], names.length);
      const passed = await verifyAll(store, options);
      assert.deepEqual([passed.counts['backups'], passed.damaged, passed.failed], [names.length, [], []]);
      await restoreTree(store, scratch.at('restored'), place);
      assert.deepEqual(contents(await readTree(scratch.at('restored'))), contents(await readTree(tree)));
      await store.close();
    });
  }

  const flaws: readonly [string, (bucket: Bucket, time: Date) => Promise<unknown>, number][] = [
    ['an empty backup', async (bucket, time) => bucket.put(await bucket.backup('a', time), time, new Uint8Array()), 1],
    ['an empty pair', async (bucket, time) => bucket.put(await bucket.pair('a', time), time, new Uint8Array()), 2],
    ['a checksum without data', async (bucket, time) => bucket.store.delete([await bucket.pair('a', time)]), 1],
    [
      'data without its checksum',
      async (bucket, time) => bucket.store.delete([(await bucket.pair('a', time)).replace('.wsp.gz', '.sha1')]),
      1,
    ],
  ];
  for (const [what, plant, objects] of flaws) {
    it(`moves ${what} by the listing alone, and nothing else`, async () => {
      const bucket = new Bucket();
      const good = [await bucket.backup('a', daysAgo(4), metricFile(2)), await bucket.backup('a', daysAgo(1))];
      const tombstone = await bucket.tombstone('a', daysAgo(0.5));
      await plant(bucket, daysAgo(2));
      const { counts } = await verifyAll(bucket.store, { repair, now: bucket.now });
      assert.deepEqual([counts['damaged'], counts['moved'], counts['failed']], [1, 1, 0]);
      const [aside, kept] = split(await bucket.keys());
      assert.equal(aside.length, objects);
      assert.deepEqual(kept, [...good, tombstone].toSorted());
      assert.equal((await verifyAll(bucket.store, { now: bucket.now })).counts['damaged'], 0);
    });
  }

  const ghosts: readonly [string, (keys: { data: string; sha1: string }) => string[], string[]][] = [
    ['the data of a pair', ({ data }) => [data], ['sha1']],
    ['the checksum of a pair', ({ sha1 }) => [sha1], ['wsp.gz']],
    ['a whole pair', ({ data, sha1 }) => [data, sha1], []],
  ];
  for (const [what, pick, aside] of ghosts) {
    it(`deletes the key of ${what} that is listed but missing, and moves the rest of it`, async () => {
      const bucket = new Bucket();
      const good = await bucket.backup('a', daysAgo(4), metricFile(2));
      const data = await bucket.pair('a', daysAgo(2));
      const gone = pick({ data, sha1: data.replace('.wsp.gz', '.sha1') });
      const store = withGhosts(bucket.store, gone);
      const { counts, damaged = [] } = await verifyAll(store, { repair, readData: true, now: bucket.now });
      assert.deepEqual(
        [counts['damaged'], counts['removed'], counts['moved'], counts['failed']],
        [1, gone.length, aside.length, 0],
      );
      assert.deepEqual(damaged[0]?.removed, gone);
      const [moved, kept] = split(await bucket.keys());
      assert.deepEqual(
        moved.map((key) => key.replace(/^.*\+00:00\.(.*)\.damaged$/, '$1')),
        aside,
      );
      assert.deepEqual(kept, [good]);
      assert.deepEqual((await verifyAll(store, { readData: true, now: bucket.now })).damaged, []);
    });
  }

  it('deletes the key of a backup that is listed but missing, so that the next backup stores the metric again', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await plantMetrics(scratch.path, ['a', 'b']);
    await backUp(bucket.store, scratch.path, { now: bucket.now });
    const lost = (await bucket.keys('a/'))[0] ?? '';
    const store = withGhosts(bucket.store, [lost]);
    const statCache = { file: scratch.at('cache') };
    const unchanged = await backUp(store, scratch.path, { now: bucket.now, statCache });
    assert.deepEqual([unchanged.counts['unchanged'], unchanged.counts['stored']], [2, 0]);

    const looked = await verifyAll(withDryRun(store), { repair, readData: true, dryRun: true, now: bucket.now });
    assert.deepEqual([looked.counts['removed'], await bucket.keys('a/')], [1, [lost]]);
    const { counts, failed, damaged = [] } = await verifyAll(store, { repair, readData: true, now: bucket.now });
    assert.deepEqual([counts['damaged'], counts['removed'], counts['moved'], failed], [1, 1, 0, []]);
    assert.deepEqual([codesOf(damaged), damaged[0]?.movedTo], [{ a: 'NOT_FOUND' }, undefined]);
    const again = await backUp(store, scratch.path, { now: bucket.now, statCache });
    assert.deepEqual([again.counts['unchanged'], again.counts['stored']], [1, 1]);
    assert.deepEqual((await verifyAll(bucket.store, { readData: true, now: bucket.now })).damaged, []);
  });

  it('deletes no key whose object can be read in the second attempt', async () => {
    const bucket = new Bucket();
    const key = await bucket.backup('a', daysAgo(2));
    let reads = 0;
    const store = delegate(bucket.store, {
      get: (asked, options) => bucket.store.get(asked === key && reads++ === 0 ? `${key}?` : asked, options),
    });
    const { counts, failed } = await verifyAll(store, { repair, readData: true, now: bucket.now });
    assert.deepEqual([counts['removed'], codesOf(failed)], [0, { a: 'NOT_DAMAGED_TWICE' }]);
    assert.deepEqual(await bucket.keys('a/'), [key]);
  });

  it('does not move damage in the content without --read-data', async () => {
    const bucket = new Bucket();
    await bucket.put(await bucket.backup('a', daysAgo(2)), daysAgo(2), junk);
    const before = await bucket.keys();
    const { counts } = await verifyAll(bucket.store, { repair, now: bucket.now });
    assert.deepEqual([counts['damaged'], counts['moved']], [0, 0]);
    assert.deepEqual(split(await bucket.keys())[1], before);
  });

  it('stays within the glob and the dates', async () => {
    const bucket = new Bucket();
    for (const metric of ['a', 'b']) {
      for (const day of [2, 5]) await bucket.backup(metric, daysAgo(day), metricFile(day));
    }
    await spoil(bucket.store, junk);
    const options = { repair, readData: true, now: bucket.now, metrics: 'a', since: daysAgo(3) };
    assert.equal((await verifyAll(bucket.store, options)).counts['moved'], 1);
    assert.equal(split(await bucket.keys())[1].length, 3);
  });

  it('changes nothing in a dry run, and reports what it would move', async () => {
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(2));
    await bucket.pair('b', daysAgo(2));
    await bucket.put(`c/${formatTimestamp(daysAgo(2))}.sha1`, daysAgo(2), junk);
    await spoil(bucket.store, junk);
    const before = await snapshotOf(bucket.store);
    const store = withDryRun(bucket.store);
    const summary = await verifyAll(store, { repair, readData: true, dryRun: true, now: bucket.now });
    assert.deepEqual([summary.dryRun, summary.counts['damaged'], summary.counts['moved']], [true, 3, 3]);
    assert.deepEqual(await snapshotOf(bucket.store), before);
  });

  it('rejects the bucket of another machine first, and accepts it with --adopt', async () => {
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(2));
    await spoil(bucket.store, junk);
    await claim(bucket.store, { machine: { id: 'other', host: 'web02' }, adopt: false, now: bucket.now() });
    const before = await bucket.keys();
    const options = { readData: true, now: bucket.now };
    await assert.rejects(verifyAll(bucket.store, { ...options, repair }), { code: 'FOREIGN_BUCKET' });
    assert.deepEqual(await bucket.keys(), before);
    assert.equal((await verifyAll(bucket.store, options)).counts['damaged'], 1, 'only repair asks whose it is');
    assert.equal((await verifyAll(bucket.store, { ...options, repair: { machine, adopt: true } })).counts['moved'], 1);
  });

  it('does not move a backup that is sound or unreadable in the second attempt', async () => {
    for (const [second, code] of [
      [undefined, 'NOT_DAMAGED_TWICE'],
      [new TransientError('Slow down'), 'TRANSIENT'],
    ] as const) {
      const bucket = new Bucket();
      const key = await bucket.backup('a', daysAgo(2));
      let reads = 0;
      const store = delegate(bucket.store, {
        async get(asked, options) {
          if (asked === key && ++reads === 1) return junk.slice();
          if (asked === key && second) throw second;
          return bucket.store.get(asked, options);
        },
      });
      const { counts, failed } = await verifyAll(store, { repair, readData: true, now: bucket.now });
      assert.deepEqual([counts['damaged'], counts['moved'], codesOf(failed)], [1, 0, { a: code }]);
      assert.deepEqual(split(await bucket.keys()), [[], [key]]);
    }
  });

  it('deletes nothing that it could not copy, and reports it', async () => {
    const full: Partial<ObjectStore> = {
      async put(key) {
        throw new DeniedError(`Cannot store ${key}`);
      },
    };
    const lost: Partial<ObjectStore> = {
      async get(key) {
        throw Object.assign(new Error(key), { code: 'EIO' });
      },
    };
    const bucket = new Bucket();
    await bucket.tombstone('a', daysAgo(1));
    await verifyAll(bucket.store, { repair, now: bucket.now });
    await bucket.put(`a/${formatTimestamp(daysAgo(2))}.sha1`, daysAgo(2), junk);
    await bucket.put(await bucket.backup('b', daysAgo(2)), daysAgo(2), new Uint8Array());
    const before = await bucket.keys();
    for (const [own, code] of [
      [full, 'DENIED'],
      [lost, 'EIO'],
    ] as const) {
      const reading = delegate(bucket.store, {
        ...own,
        get: async (key, options) =>
          key.endsWith('owner.json')
            ? bucket.store.get(key, options)
            : (own.get ?? bucket.store.get.bind(bucket.store))(key, options),
      });
      const { counts, failed } = await verifyAll(reading, { repair, now: bucket.now });
      assert.deepEqual([counts['moved'], codesOf(failed)], [0, { a: code, b: code }]);
      assert.deepEqual(await bucket.keys(), before);
    }
    const undeletable = delegate(bucket.store, {
      delete: async (keys) => keys.map((key) => ({ key, error: new DeniedError('No') })),
    });
    const { failed } = await verifyAll(undeletable, { repair, now: bucket.now });
    assert.deepEqual(codesOf(failed), { a: 'DELETE_FAILED', b: 'DELETE_FAILED' });
    // Cut short there, the next run finishes it.
    assert.equal((await verifyAll(bucket.store, { repair, now: bucket.now })).counts['moved'], 2);
    assert.equal((await verifyAll(bucket.store, { now: bucket.now })).counts['damaged'], 0);
  });

  it('does not move a key that is too long, and reports it', async () => {
    const bucket = new Bucket();
    const path = 'x'.repeat(920);
    const time = daysAgo(2);
    await bucket.put(await bucket.backup(path, time), time, new Uint8Array());
    const before = await bucket.keys();
    const { counts, failed } = await verifyAll(bucket.store, { repair, now: bucket.now });
    assert.deepEqual([counts['moved'], codesOf(failed)], [0, { [path]: 'PERMANENT' }]);
    assert.deepEqual(split(await bucket.keys()), [[], before]);
  });

  it('moves nothing after a listing was out of order', async () => {
    const bucket = new Bucket();
    for (const metric of ['a', 'b', 'c']) await bucket.put(await bucket.backup(metric, daysAgo(2)), daysAgo(2), junk);
    const store = delegate(bucket.store, {
      async *list(range) {
        const objects = [];
        for await (const object of bucket.store.list(range)) objects.push(object);
        yield* objects.reverse();
      },
    });
    const { counts, stopped } = await verifyAll(store, { repair, readData: true, now: bucket.now });
    assert.equal(stopped?.code, 'DISORDER');
    assert.deepEqual([counts['damaged'], counts['moved']], [3, 0]);
  });
});

describe('a backup that was moved aside', () => {
  it('is ignored by every command, and not purged', async () => {
    await using scratch = await createScratch();
    const tree = await scratch.directory('tree');
    const bucket = new Bucket();
    await plantMetrics(tree, ['a', 'living']);
    await backUp(bucket.store, tree, { now: bucket.now });
    await bucket.pair('b', daysAgo(90));
    await bucket.pair('c', daysAgo(90));
    await bucket.store.delete([`c/${formatTimestamp(daysAgo(90))}.wsp.gz`]);
    await spoil(bucket.store, junk, /^[ab]\//);
    const moving: Partial<VerifyOptions> = { repair, readData: true, now: bucket.now };
    assert.equal((await verifyAll(bucket.store, moving)).counts['moved'], 3);
    const [aside] = split(await bucket.keys());
    assert.equal(aside.length, 4);

    assert.deepEqual(
      (await listAll(bucket.store)).map(({ metric }) => metric),
      ['living'],
    );
    const verified = await verifyAll(bucket.store, { readData: true, now: bucket.now });
    assert.deepEqual([verified.counts['metrics'], verified.counts['foreignKeys'], verified.notes], [1, 0, []]);
    await rm(`${tree}/a.wsp`);
    bucket.time = new Date(bucket.time.getTime() + 1000 * 86_400_000);
    for (const storagePath of ['', '.whisper-backup', '.whisper-backup/quarantine']) {
      const options = { now: bucket.now, purge: 0, force: true, storagePath, adopt: true };
      await purgeGone(bucket.store, tree, options);
      await backUp(bucket.store, tree, { ...options, retention: 1 });
    }
    assert.deepEqual(
      split(await bucket.keys())[0].filter((key) => key.endsWith('.damaged')),
      aside,
    );
  });

  it('is ignored by the Python tool, which uses every .sha1 and lists every .wsp.gz', async () => {
    const bucket = new Bucket();
    await bucket.pair('b', daysAgo(9));
    await spoil(bucket.store, junk);
    assert.equal((await verifyAll(bucket.store, { repair, readData: true, now: bucket.now })).counts['moved'], 1);
    const [aside, kept] = split(await bucket.keys());
    assert.deepEqual([aside.length, kept], [2, []]);
    assert.deepEqual(
      aside.filter((key) => /\.(sha1|wsp\.gz|wsp\.sz)$/.test(key)),
      [],
    );
  });
});

/** What was moved aside, and the backups; the owner's marker is neither. */
function split(keys: readonly string[]): [aside: string[], kept: string[]] {
  const rest = keys.filter((key) => !key.endsWith('owner.json'));
  const isAside = (key: string) => key.includes('.whisper-backup/quarantine/');
  return [rest.filter(isAside), rest.filter((key) => !isAside(key))];
}
