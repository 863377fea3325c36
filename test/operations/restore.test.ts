import assert from 'node:assert/strict';
import { chown, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseDate } from '../../lib/common/date.ts';
import type { Summary } from '../../lib/common/summary.ts';
import type { RestoreOptions } from '../../lib/operations/restore/restore.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { BucketMissingError, TransientError } from '../../lib/store/errors.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { metricFile, plantMetric, plantMetrics } from '../fixtures/metric.ts';
import { backUp, codesOf, restoreTree, threadsOn } from '../fixtures/operations.ts';
import { putPair } from '../fixtures/python-bucket.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { stateOf } from '../fixtures/tree-state.ts';
import { withCounting } from '../store/counting.ts';
import { createMemoryStore } from '../store/memory-store.ts';

function run(bucket: Bucket, prefix: string, options: Partial<RestoreOptions> = {}): Promise<Summary> {
  return restoreTree(bucket.store, prefix, { now: bucket.now, ...options });
}

/** The seed of {@link metricFile} for an existing file; undefined if there is none. */
async function seedAt(prefix: string, path: string): Promise<number | undefined> {
  const bytes = await readFile(`${prefix}/${path}.wsp`).catch(() => undefined);
  if (!bytes) return undefined;
  for (let seed = 1; seed < 20; seed++) if (Buffer.compare(bytes, metricFile(seed)) === 0) return seed;
  return -1;
}

describe('restore', () => {
  it('restores a tree bit for bit, every file at its own path', async () => {
    await using scratch = await createScratch();
    const paths = ['servers/web01/cpu', 'a.b/c', '.hidden', 'a/b.c', 'a/b/c', '50%2Eoff', '～/😀', 'x y;tag=1', '[*]?'];
    await plantMetrics(scratch.at('tree'), paths);
    const store = createDiskStore({ path: scratch.at('bucket') });
    await backUp(store, scratch.at('tree'));
    const summary = await restoreTree(store, scratch.at('deep', 'back'), threadsOn(store));
    await store.close();
    const { metrics, restored, failed, bytesRestored } = summary.counts;
    assert.deepEqual([metrics, restored, failed, bytesRestored], [9, 9, 0, 9 * metricFile().length]);
    for (const [i, path] of paths.entries()) assert.equal(await seedAt(scratch.at('deep', 'back'), path), i + 1, path);
    const all = await readdir(scratch.at('deep', 'back'), { recursive: true });
    assert.equal(all.filter((name) => name.endsWith('.wsp')).length, 9);
    assert.deepEqual(
      all.filter((name) => name.includes('.tmp')),
      [],
    );
  });

  it('restores the newest backup strictly before the date, with any offset', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const [i, time] of ['2026-11-20T03:00:00Z', '2026-11-21T03:00:00Z', '2026-11-22T03:00:00Z'].entries())
      await bucket.backup('m', new Date(time), metricFile(i + 1));
    await bucket.pair('p', new Date('2026-11-20T12:00:00Z'), metricFile(8));
    await bucket.backup('late', new Date('2026-11-22T11:00:00Z'), metricFile(9));
    const at = async (date: string) => {
      const prefix = scratch.at(`tree-${date}`);
      const { counts } = await run(bucket, prefix, { date: parseDate(date) });
      return [counts['metrics'], await seedAt(prefix, 'm'), await seedAt(prefix, 'p'), await seedAt(prefix, 'late')];
    };
    assert.deepEqual(await at('2026-11-22T03:00:00Z'), [2, 2, 8, undefined]);
    // A second later, in another time zone.
    assert.deepEqual(await at('2026-11-21T22:00:01-05:00'), [2, 3, 8, undefined]);
    assert.deepEqual(await at('2026-11-20T12:00:00Z'), [1, 1, undefined, undefined]);
  });

  it('reports the oldest and the newest backup that it has used', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const days of [9, 3]) await bucket.backup('old', daysAgo(days), metricFile(1));
    for (const days of [2, 1]) await bucket.backup('new', daysAgo(days), metricFile(2));
    await bucket.put(await bucket.backup('spoilt', daysAgo(20)), daysAgo(20), new TextEncoder().encode('spoilt'));
    const used = { oldest: '2026-11-19T12:00:00+00:00', newest: '2026-11-21T12:00:00+00:00' };
    assert.deepEqual((await run(bucket, scratch.at('tree'), { dryRun: true })).backups, used);
    assert.deepEqual((await run(bucket, scratch.at('tree'))).backups, used);
    // Unchanged by now.
    assert.deepEqual((await run(bucket, scratch.at('tree'))).backups, used);
    assert.equal((await run(bucket, scratch.at('tree'), { metrics: 'none' })).backups, undefined);
  });

  it('stops if nothing matches, and names the glob and date', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('m', daysAgo(1));
    const before = await run(bucket, scratch.at('tree'), { date: daysAgo(1) });
    assert.equal(before.stopped?.code, 'NOTHING_MATCHED');
    assert.match(before.stopped.message, /no backup before 2026-11-21T12:00:00\+00:00$/);
    const glob = await run(bucket, scratch.at('tree'), { metrics: 'n*', exclude: ['x'] });
    assert.match(glob.stopped?.message ?? '', /no backup that matches "n\*"/);
    await assert.rejects(restoreTree(createMemoryStore({ exists: false }), scratch.at('tree')), BucketMissingError);
  });

  it('skips metrics that were missing at the date, on request', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const path of ['alive', 'gone', 'back']) await bucket.backup(path, daysAgo(9));
    await bucket.tombstone('gone', daysAgo(5));
    await bucket.tombstone('back', daysAgo(8));
    await bucket.backup('back', daysAgo(7));
    const restored = async (options: Partial<RestoreOptions>) => {
      const prefix = scratch.at(`tree${(await readdir(scratch.path)).length}`);
      const { skipped } = await run(bucket, prefix, options);
      const left = Object.keys(codesOf(skipped)).map((metric) => `no ${metric}`);
      return [...(await readdir(prefix)).sort(), ...left].join(' ');
    };
    assert.equal(await restored({ skipGone: true }), 'alive.wsp back.wsp no gone');
    // It was there six days ago, and another one was not.
    assert.equal(await restored({ skipGone: true, date: daysAgo(6) }), 'alive.wsp back.wsp gone.wsp');
    assert.equal(await restored({ skipGone: true, date: daysAgo(7.5) }), 'alive.wsp gone.wsp no back');
  });

  it('fails if a backup is damaged, and falls back to an older one only on request', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const spoil = async (key: string) => bucket.put(key, daysAgo(1), new TextEncoder().encode('spoilt'));
    await bucket.backup('m', daysAgo(3), metricFile(1));
    await spoil(await bucket.backup('m', daysAgo(2), metricFile(2)));
    await spoil(await bucket.backup('m', daysAgo(1), metricFile(3)));
    await spoil(await bucket.backup('all', daysAgo(1)));
    await bucket.pair('pair', daysAgo(3), metricFile(4));
    const key = await bucket.pair('pair', daysAgo(2), metricFile(5));
    await spoil(key.replace('.wsp.gz', '.sha1'));
    await bucket.put('lone/2026-11-20T00:00:00+00:00.sha1', daysAgo(2), new Uint8Array(40));
    await bucket.backup('fine', daysAgo(1), metricFile(6));

    const plain = await run(bucket, scratch.at('plain'));
    assert.deepEqual(codesOf(plain.failed), { all: 'COMPRESSION_DAMAGED', m: 'COMPRESSION_DAMAGED', pair: 'BAD_SHA1' });
    assert.deepEqual(await readdir(scratch.at('plain')), ['fine.wsp']);
    assert.deepEqual(codesOf(plain.notes), { lone: 'LONE_SHA1' });

    const asked = await run(bucket, scratch.at('asked'), { fallback: true });
    assert.deepEqual(codesOf(asked.failed), { all: 'COMPRESSION_DAMAGED' });
    assert.deepEqual([asked.counts['restored'], asked.counts['fallbacks']], [3, 3]);
    assert.equal(await seedAt(scratch.at('asked'), 'm'), 1);
    assert.equal(await seedAt(scratch.at('asked'), 'pair'), 4);
    assert.ok(asked.notes.some(({ metric, reason }) => metric === 'm' && /fell back to an older backup/.test(reason)));
  });

  it('does not fall back to an older backup because the store is busy, or the local file locked or damaged', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const path of ['busy', 'damaged']) {
      await bucket.backup(path, daysAgo(3), metricFile(1));
      await bucket.backup(path, daysAgo(2), metricFile(2));
    }
    await plantMetric(scratch.path, 'damaged', new Uint8Array(7));
    const busy = delegate(bucket.store, {
      get: (key, options) =>
        key.startsWith('busy/2026-11-20') ? Promise.reject(new TransientError('503')) : bucket.store.get(key, options),
    });
    const { failed, counts } = await restoreTree(busy, scratch.path, { fallback: true });
    assert.deepEqual(codesOf(failed), { busy: 'TRANSIENT', damaged: 'LOCAL_DAMAGED' });
    assert.equal(counts['fallbacks'], undefined);
    assert.deepEqual(await readdir(scratch.path), ['damaged.wsp']);
  });

  it('fills existing files and creates missing ones, and changes no byte the second time', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const whole = metricFile(1, { known: 60 });
    for (const path of ['fill', 'same', 'new/file']) await bucket.backup(path, daysAgo(0), whole);
    await plantMetric(scratch.path, 'fill', metricFile(1, { known: 30 }));
    await plantMetric(scratch.path, 'same', whole);
    await plantMetric(scratch.path, 'other', metricFile(2));
    const planned = await run(bucket, scratch.path, { dryRun: true });
    const first = await run(bucket, scratch.path);
    const { restored, backfilled, pointsFilled, unchanged } = first.counts;
    assert.deepEqual([restored, backfilled, pointsFilled, unchanged], [1, 1, 30, 1]);
    assert.deepEqual(planned.counts, first.counts);
    const state = await stateOf(scratch.path);
    assert.equal((await run(bucket, scratch.path)).counts['unchanged'], 3);
    assert.deepEqual(await stateOf(scratch.path), state);
  });

  it('fetches nothing for a file that has the content of its backup, and all that is known of it is reported', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const odd = new Uint8Array([...metricFile(3), 0, 0]);
    await bucket.backup('same', daysAgo(0), metricFile(1));
    await bucket.backup('odd', daysAgo(0), odd);
    await bucket.backup('damaged', daysAgo(0), metricFile(4).subarray(0, 100));
    await bucket.pair('pair', daysAgo(0), metricFile(5));
    await plantMetric(scratch.path, 'same', metricFile(1));
    await plantMetric(scratch.path, 'odd', odd);
    await plantMetric(scratch.path, 'damaged', metricFile(4).subarray(0, 100));
    await plantMetric(scratch.path, 'pair', metricFile(5));
    const { now } = bucket;
    for (const options of [{}, { dryRun: true }, { overwrite: true }] satisfies Partial<RestoreOptions>[]) {
      const counting = withCounting(bucket.store);
      const { counts, failed, notes } = await restoreTree(counting, scratch.path, { now, ...options });
      const { metrics, unchanged, bytesRestored } = counts;
      assert.deepEqual([metrics, unchanged, counts.failed], [4, 3, 1]);
      assert.equal(bytesRestored, 3 * metricFile().length + 2);
      assert.deepEqual(codesOf(failed), { damaged: 'WHISPER_DAMAGED' });
      assert.deepEqual(codesOf(notes), { odd: 'ODD' });
      // The checksum of the pair, and the damaged one.
      assert.equal(counting.calls.get, 2);
    }
    const counting = withCounting(bucket.store);
    const { counts } = await restoreTree(counting, scratch.path, { now, includeDamaged: true });
    assert.deepEqual([counts.unchanged, counts.bytesFetched, counting.calls.get], [4, 0, 1]);
  });

  it('in a dry run writes nothing, not even the prefix', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const path of ['a', 'b/c', 'd', 'e']) await bucket.backup(path, daysAgo(0), metricFile(1, { known: 60 }));
    await plantMetric(scratch.at('tree'), 'a', metricFile(1, { known: 30 }));
    await plantMetric(scratch.at('tree'), 'd', new Uint8Array(9));
    await plantMetric(scratch.at('tree'), 'e', metricFile(3));
    const state = await stateOf(scratch.path);
    const keys = await bucket.keys();
    const options = { dryRun: true, replaceDamaged: true };
    const { counts } = await run(bucket, scratch.at('tree'), options);
    assert.deepEqual([counts['restored'], counts['backfilled'], counts['failed']], [2, 2, 0]);
    assert.equal((await run(bucket, scratch.at('not', 'there'), options)).counts['restored'], 4);
    assert.deepEqual(await stateOf(scratch.path), state);
    assert.deepEqual(await bucket.keys(), keys);
  });

  it('never changes a good local file because of a damaged backup, and counts each failure', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const good = gzipSync(metricFile(1, { known: 60 }));
    const spoilt = {
      cut: good.subarray(0, 200),
      flipped: flip(good, 40),
      empty: new Uint8Array(1),
      wrong: gzipSync('x'),
    };
    for (const [path, body] of Object.entries(spoilt)) {
      await plantMetric(scratch.path, path, metricFile(2));
      await bucket.put(await bucket.backup(path, daysAgo(1)), daysAgo(1), body);
    }
    const state = await stateOf(scratch.path);
    for (const options of [{}, { overwrite: true, replaceDamaged: true, fallback: true }]) {
      const { counts } = await run(bucket, scratch.path, options);
      assert.deepEqual([counts['failed'], counts['metrics']], [4, 4]);
    }
    assert.deepEqual(await stateOf(scratch.path), state);
  });

  it('restores backups of the Python tool, under every root, together with ours', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const time = '2026-11-20T00:00:00+00:00';
    await putPair(store, 'servers.a', time, metricFile(1));
    await putPair(store, 'servers.b', time, metricFile(2), { root: '/' });
    await putPair(store, 'servers.c', time, metricFile(3), { algorithm: 'sz' });
    await putPair(store, '%2Ed', time, metricFile(4));
    await putPair(store, 'servers.e', time, metricFile(5), { root: 'sp/' });
    await putPair(store, 'servers.f', time, metricFile(6), { root: 'raw' });
    const root = await restoreTree(store, scratch.at('root'));
    assert.deepEqual([root.counts['restored'], root.counts['foreignKeys']], [5, 2]);
    for (const [path, seed] of [
      ['servers/a', 1],
      ['servers/b', 2],
      ['servers/c', 3],
      ['%2Ed', 4],
      ['rawservers/f', 6],
    ] as const)
      assert.equal(await seedAt(scratch.at('root'), path), seed, path);
    await restoreTree(store, scratch.at('sp'), { storagePath: 'sp' });
    assert.deepEqual(await readdir(scratch.at('sp', 'servers')), ['e.wsp']);
    await restoreTree(store, scratch.at('raw'), { storagePathRaw: 'raw' });
    assert.deepEqual(await readdir(scratch.at('raw', 'servers')), ['f.wsp']);
  });

  it('writes nothing outside the prefix, whatever the keys', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const tail = (await bucket.backup('fine', daysAgo(1), metricFile(1))).slice('fine'.length);
    const body = gzipSync(metricFile(1));
    const hostile = [
      '..evil',
      '%2E%2E.evil',
      '.evil',
      '../evil',
      '%2E%2E.%2E%2E.%2E%2E.tmp.evil',
      'a..b',
      '/etc/evil',
      '..',
    ];
    for (const name of hostile) await bucket.put(`${name}${tail}`, daysAgo(1), body);
    await scratch.directory('tree');
    const { counts, failed } = await run(bucket, scratch.at('tree'));
    assert.deepEqual([counts['restored'], counts['foreignKeys'], failed], [1, hostile.length, []]);
    assert.deepEqual(await readdir(scratch.path), ['tree']);
    assert.deepEqual(await readdir(scratch.at('tree')), ['fine.wsp']);
  });

  it('gives everything to one owner, however many threads create the directories', async () => {
    await using scratch = await createScratch();
    const paths = Array.from({ length: 60 }, (_, i) => `a/b${i % 7}/c${i % 5}/m${i}`);
    await plantMetrics(scratch.at('original'), paths);
    const store = createDiskStore({ path: scratch.at('bucket') });
    await backUp(store, scratch.at('original'));
    await scratch.directory('tree');
    await chown(scratch.at('tree'), 1234, 5678);
    await restoreTree(store, scratch.at('tree'), threadsOn(store, 4));
    await restoreTree(store, scratch.at('asked'), { owner: { uid: 77, gid: 88 } });
    await store.close();
    for (const [tree, uid] of [
      ['tree', 1234],
      ['asked', 77],
    ] as const) {
      const names = await readdir(scratch.at(tree), { recursive: true });
      const files = names.filter((name) => name.endsWith('.wsp'));
      assert.equal(files.length, 60);
      for (const name of ['', ...names]) {
        const found = await stat(scratch.at(tree, name));
        assert.deepEqual([found.uid, found.mode & 0o777], [uid, found.isFile() ? 0o644 : 0o755], name);
      }
    }
  });

  it('continues after a metric that it cannot create', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const path of ['file/a', 'directory', 'fine']) await bucket.backup(path, daysAgo(1), metricFile(1));
    await writeFile(scratch.at('file'), '');
    await mkdir(scratch.at('directory.wsp'));
    const { failed, counts } = await run(bucket, scratch.path);
    assert.deepEqual(codesOf(failed), { directory: 'NOT_REGULAR', 'file.a': 'NOT_A_DIRECTORY' });
    assert.equal(counts['restored'], 1);
  });

  it('fetches each metric once, and sends no other request per metric', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (let i = 0; i < 10; i++)
      for (const days of [3, 2, 1]) await bucket.backup(`m${i}`, daysAgo(days), metricFile(i));
    const counting = withCounting(bucket.store);
    await restoreTree(counting, scratch.path);
    const { get, list, put } = counting.calls;
    assert.deepEqual({ get, list, put }, { get: 10, list: 3, put: 0 });
  });

  it('ends within seconds when it is aborted, and leaves only complete files', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (let i = 0; i < 100; i++) await bucket.backup(`m${i}`, daysAgo(1), metricFile(1));
    const stop = new AbortController();
    let gets = 0;
    const stopping = delegate(bucket.store, {
      get(key, options) {
        if (++gets === 30) stop.abort(new Error('told to'));
        return bucket.store.get(key, options);
      },
    });
    await assert.rejects(restoreTree(stopping, scratch.path, { signal: stop.signal }), /told to/);
    const names = await readdir(scratch.path);
    assert.ok(names.length < 60, `${names.length} were restored`);
    for (const name of names) assert.equal(await seedAt(scratch.path, name.replace('.wsp', '')), 1);
  });
});

function flip(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? byte ^ 0x10 : byte));
}
