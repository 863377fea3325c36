import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { backupKey, pairKeys } from '../../lib/bucket/layout.ts';
import { formatTimestamp } from '../../lib/common/timestamp.ts';
import { createCompressor } from '../../lib/compress/engine.ts';
import { isInPart } from '../../lib/operations/shared/part.ts';
import { TransientError } from '../../lib/store/errors.ts';
import { exitCodeOfSummary, exitCodes } from '../../scripts/cli/run/exit-code.ts';
import { flipped, join } from '../compress/sample.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { metricFile, plantMetric, plantMetrics } from '../fixtures/metric.ts';
import { backUp, codesOf, machine, verifyAll } from '../fixtures/operations.ts';
import { sha1Of, snappyFramed } from '../fixtures/python-bucket.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { withCounting } from '../store/counting.ts';
import { createMemoryStore } from '../store/memory-store.ts';

const file = metricFile(7);
const gzipped = new Uint8Array(gzipSync(file));
const text = (content: string) => new TextEncoder().encode(content);

interface Place {
  readonly bucket: Bucket;
  readonly metric: string;
}

/** A backup of ours with this content, three days old. @returns its key. */
async function putBody(
  { bucket, metric }: Place,
  body: Uint8Array,
  options: { sha1?: string; algorithm?: 'gz' | 'zst' } = {},
): Promise<string> {
  const { sha1 = sha1Of(file), algorithm = 'gz' } = options;
  const key = backupKey('', metric, formatTimestamp(daysAgo(3)), sha1, algorithm);
  await bucket.put(key, daysAgo(3), body);
  return key;
}

/** A pair with this content, three days old. @returns the key of its data. */
async function putPair(
  { bucket, metric }: Place,
  data: Uint8Array | undefined,
  sha1: string | undefined,
  algorithm = 'gz',
): Promise<string> {
  const keys = pairKeys('', metric, formatTimestamp(daysAgo(3)));
  const key = keys.data.replace(/gz$/, algorithm);
  if (data) await bucket.put(key, daysAgo(3), data);
  if (sha1 !== undefined) await bucket.put(keys.sha1, daysAgo(3), text(sha1));
  return data ? key : keys.sha1;
}

const zstd = async () => (await createCompressor({ algorithm: 'zst' })).compress(file);
const compressed = text('whisper_compressed and what go-carbon makes of it');
const badHeader = flipped(file, 3, 0x40);
const cutFile = file.slice(0, -12);

describe('verify by reading', () => {
  const sound: readonly [string, (place: Place) => Promise<string>][] = [
    ['gzip', (place) => putBody(place, gzipped)],
    [
      'gzip of several members',
      (place) => putBody(place, join(gzipSync(file.subarray(0, 100)), gzipSync(file.subarray(100)))),
    ],
    ['gzip with zeros behind it', (place) => putBody(place, join(gzipped, new Uint8Array(512)))],
    ['Zstandard', async (place) => putBody(place, await zstd(), { algorithm: 'zst' })],
    ['a pair', (place) => putPair(place, gzipped, sha1Of(file))],
    ['a pair with a line’s end behind its checksum', (place) => putPair(place, gzipped, `${sha1Of(file)}\n`)],
    ['a pair of Snappy', (place) => putPair(place, snappyFramed(file), sha1Of(file), 'sz')],
    ['what go-carbon compressed', (place) => putBody(place, gzipSync(compressed), { sha1: sha1Of(compressed) })],
  ];
  it('accepts sound backups of every writer', async () => {
    const bucket = new Bucket();
    for (const [what, put] of sound) await put({ bucket, metric: what });
    const { counts, damaged, failed } = await verifyAll(bucket.store, { readData: true, now: bucket.now });
    assert.deepEqual([damaged, failed], [[], []]);
    const { metrics, backups, read } = counts;
    assert.deepEqual([metrics, backups, read], [sound.length, sound.length, sound.length]);
  });

  const damages: readonly [string, string, (place: Place) => Promise<string>][] = [
    ['cut gzip', 'COMPRESSION_DAMAGED', (place) => putBody(place, gzipped.slice(0, -9))],
    ['gzip cut to its header', 'COMPRESSION_DAMAGED', (place) => putBody(place, gzipped.slice(0, 10))],
    ['a turned bit', 'COMPRESSION_DAMAGED', (place) => putBody(place, flipped(gzipped, gzipped.length >> 1, 1))],
    ['bytes behind the gzip', 'COMPRESSION_DAMAGED', (place) => putBody(place, join(gzipped, text('junk')))],
    ['what is no gzip', 'COMPRESSION_DAMAGED', (place) => putBody(place, file)],
    ['more than was stored', 'WRONG_SHA1', (place) => putBody(place, gzipSync(join(file, file)))],
    ['another file’s SHA-1 in the name', 'WRONG_SHA1', (place) => putBody(place, gzipped, { sha1: 'a'.repeat(40) })],
    [
      'cut Zstandard',
      'COMPRESSION_DAMAGED',
      async (place) => putBody(place, (await zstd()).slice(0, -9), { algorithm: 'zst' }),
    ],
    [
      'a turned bit in Zstandard',
      'COMPRESSION_DAMAGED',
      async (place) => {
        const body = await zstd();
        return putBody(place, flipped(body, body.length - 2, 1), { algorithm: 'zst' });
      },
    ],
    ['gzip called Zstandard', 'COMPRESSION_DAMAGED', (place) => putBody(place, gzipped, { algorithm: 'zst' })],
    ['a cut pair', 'COMPRESSION_DAMAGED', (place) => putPair(place, gzipped.slice(0, 40), sha1Of(file))],
    ['a pair with another SHA-1', 'WRONG_SHA1', (place) => putPair(place, gzipped, 'b'.repeat(40))],
    ['a pair whose checksum is text', 'BAD_SHA1', (place) => putPair(place, gzipped, 'no checksum')],
    ['a pair whose checksum is empty', 'BAD_SHA1', (place) => putPair(place, gzipped, '')],
    ['a pair whose checksum is long', 'TOO_LARGE', (place) => putPair(place, gzipped, 'c'.repeat(400))],
    [
      'a turned bit in Snappy',
      'COMPRESSION_DAMAGED',
      (place) => putPair(place, flipped(snappyFramed(file), 300, 8), sha1Of(file), 'sz'),
    ],
  ];
  it('reports each damaged backup, the problem, and what a restore can use instead', async () => {
    const bucket = new Bucket();
    const planted = new Map<string, { code: string; key: string; older: readonly string[] }>();
    for (const [metric, code, put] of damages) {
      const oldest = await bucket.backup(metric, daysAgo(5), metricFile(1));
      const older = await bucket.backup(metric, daysAgo(4), metricFile(2));
      planted.set(metric, { code, key: await put({ bucket, metric }), older: [older, oldest] });
    }
    await bucket.backup('sound', daysAgo(1));
    /** What is found wrong with the newest, by metric. */
    const found = async () => {
      const { damaged = [], failed } = await verifyAll(bucket.store, { readData: true, now: bucket.now });
      assert.deepEqual(failed, []);
      const newest = damaged.filter(({ metric, key }) => planted.get(metric)?.key === key);
      return {
        all: damaged.length,
        newest: Object.fromEntries(newest.map(({ metric, code, instead }) => [metric, { code, instead }])),
      };
    };
    const expected = (take: (older: readonly string[]) => string | undefined) =>
      Object.fromEntries(
        [...planted].map(([metric, { code, older }]) => {
          const key = take(older);
          return [metric, { code, instead: key === undefined ? null : { key, read: true } }];
        }),
      );
    assert.deepEqual(await found(), { all: damages.length, newest: expected(([older]) => older) });
    // Those damaged too: the next.
    for (const { older } of planted.values()) await bucket.put(older[0] ?? '', daysAgo(4), gzipped.slice(0, 30));
    assert.deepEqual(await found(), { all: 2 * damages.length, newest: expected(([, oldest]) => oldest) });
    for (const { older } of planted.values()) await bucket.store.delete(older);
    assert.deepEqual(await found(), { all: damages.length, newest: expected(() => undefined) });
    assert.equal((await verifyAll(bucket.store, { now: bucket.now })).counts['damaged'], 0, 'the listing cannot tell');
  });

  const storedDamaged: readonly [string, Uint8Array][] = [
    ['a Whisper header that makes no sense', badHeader],
    ['a file that was cut', cutFile],
    ['bytes that are not Whisper data', flipped(new Uint8Array(5000), 0, 1)],
  ];
  it('does not count a backup of a damaged file as damage of the bucket', async () => {
    const bucket = new Bucket();
    for (const [metric, bytes] of storedDamaged) await bucket.backup(metric, daysAgo(1), bytes);
    const pair = await bucket.pair('pair', daysAgo(1), cutFile);
    const names = [...storedDamaged.map(([metric]) => metric), 'pair'];
    const codes = (code: string) => Object.fromEntries(names.map((name) => [name, code]));

    const strict = await verifyAll(bucket.store, { readData: true, now: bucket.now });
    assert.deepEqual([strict.damaged, strict.counts['damagedFiles']], [[], names.length]);
    assert.deepEqual(codesOf(strict.failed), codes('WHISPER_DAMAGED'));
    assert.ok(strict.failed.find(({ metric }) => metric === 'pair')?.reason.startsWith(`${pair}: `));
    for (const { reason } of strict.failed)
      assert.match(reason, /already damaged when it was backed up.*--include-damaged/);
    assert.equal(exitCodeOfSummary(strict), exitCodes.someFailed);

    const asked = await verifyAll(bucket.store, { readData: true, now: bucket.now, includeDamaged: true });
    assert.deepEqual([asked.damaged, asked.failed, asked.counts['damagedFiles']], [[], [], names.length]);
    assert.deepEqual(codesOf(asked.notes), codes('DAMAGED_FILE'));
    assert.equal(exitCodeOfSummary(asked), exitCodes.done);
  });

  it('does not offer a backup of a damaged file for use instead', async () => {
    const bucket = new Bucket();
    const good = await bucket.backup('a', daysAgo(3));
    await bucket.backup('a', daysAgo(2), cutFile);
    await bucket.put(await bucket.backup('a', daysAgo(1)), daysAgo(1), text('junk'));
    const { damaged = [] } = await verifyAll(bucket.store, { readData: true, now: bucket.now });
    assert.deepEqual(
      damaged.map(({ instead }) => instead),
      [{ key: good, read: true }],
    );
  });

  it('does not move a backup of a damaged file with --repair', async () => {
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(2), cutFile);
    const before = await bucket.keys('a/');
    const repaired = await verifyAll(bucket.store, {
      readData: true,
      now: bucket.now,
      repair: { machine, adopt: true },
    });
    assert.deepEqual([repaired.counts['moved'], await bucket.keys('a/')], [0, before]);
  });

  it('does not count unreadable backups as damaged, and reports them as failed', async () => {
    const bucket = new Bucket();
    const key = await bucket.backup('a', daysAgo(2));
    await bucket.backup('b', daysAgo(2));
    const pair = await bucket.pair('c', daysAgo(2));
    const store = delegate(bucket.store, {
      async get(asked, options) {
        if (asked === key || asked === pair.replace('.wsp.gz', '.sha1')) throw new TransientError('Slow down');
        return bucket.store.get(asked, options);
      },
    });
    const { counts, damaged, failed } = await verifyAll(store, { readData: true, now: bucket.now });
    assert.deepEqual([damaged, counts['damaged']], [[], 0]);
    assert.deepEqual(codesOf(failed), { a: 'TRANSIENT', c: 'TRANSIENT' });
  });

  it('skips backups that another run deletes, and reports those that are listed but missing', async () => {
    const bucket = new Bucket();
    const vanishing = await bucket.backup('a', daysAgo(2));
    const ghost = await bucket.backup('b', daysAgo(2));
    const store = delegate(bucket.store, {
      async get(key, options) {
        await bucket.store.delete([vanishing]);
        return bucket.store.get(key === ghost ? `${ghost}?` : key, options);
      },
    });
    const { damaged = [], failed, skipped } = await verifyAll(store, { readData: true, now: bucket.now });
    assert.deepEqual(codesOf(damaged), { b: 'NOT_FOUND' });
    assert.deepEqual(codesOf(skipped), { a: 'VANISHED' });
    assert.deepEqual(failed, []);
  });

  it('reads only the requested part, every part once, and always lists everything', async () => {
    const bucket = new Bucket();
    const metrics = Array.from({ length: 12 }, (_, i) => `m${i}`);
    for (const metric of metrics) await bucket.put(await bucket.backup(metric, daysAgo(2)), daysAgo(2), text('junk'));
    const found: string[] = [];
    for (const number of [1, 2, 3]) {
      const part = { number, of: 3 };
      const { counts, damaged = [] } = await verifyAll(bucket.store, { readData: part, now: bucket.now });
      assert.equal(counts['metrics'], 12);
      assert.equal(counts['read'], metrics.filter((metric) => isInPart(metric, part)).length);
      found.push(...damaged.map(({ metric }) => metric));
    }
    assert.deepEqual(found.toSorted(), metrics.toSorted());
  });

  it('stays within the dates, but looks before them for what a restore can use instead', async () => {
    const bucket = new Bucket();
    const good = await bucket.backup('a', daysAgo(9), metricFile(1));
    for (const day of [8, 5, 1]) {
      const key = await bucket.backup('a', daysAgo(day), metricFile(day));
      await bucket.put(key, daysAgo(day), text('junk'));
    }
    await bucket.put(`a/${formatTimestamp(daysAgo(8.5))}.sha1`, daysAgo(8.5), text('d'.repeat(40)));
    const dates = { since: daysAgo(7), date: daysAgo(1) };
    const { counts, damaged = [] } = await verifyAll(bucket.store, { readData: true, now: bucket.now, ...dates });
    assert.equal(counts['backups'], 1);
    assert.deepEqual(
      damaged.map(({ instead }) => instead),
      [{ key: good, read: true }],
    );
  });

  it('stays within its budget of bytes, and reads each backup once', async () => {
    const bucket = new Bucket();
    for (let i = 0; i < 20; i++) await bucket.backup(`m${i}`, daysAgo(2), metricFile(i));
    const store = withCounting(bucket.store);
    let [now, most] = [0, 0];
    const watched = delegate(store, {
      async get(key, options) {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 5));
        now--;
        return store.get(key, options);
      },
    });
    await verifyAll(watched, { readData: true, now: bucket.now, processes: 4, bytesInFlight: 65_536 });
    assert.equal(most, 1);
    assert.deepEqual([store.calls.get, store.calls.put, store.calls.delete], [20, 0, 0]);
  });
});

describe('verify by listing', () => {
  it('reads nothing and writes nothing', async () => {
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(2));
    await bucket.pair('b', daysAgo(2));
    await bucket.tombstone('gone', daysAgo(2));
    const store = withCounting(bucket.store);
    const { counts } = await verifyAll(store, { now: bucket.now });
    assert.deepEqual([counts['backups'], counts['damaged'], counts['metrics']], [2, 0, 2]);
    assert.deepEqual([store.calls.get, store.calls.put, store.calls.delete], [0, 0, 0]);
  });

  const flaws: readonly [string, string, (place: Place) => Promise<string>][] = [
    ['an empty backup', 'EMPTY_BACKUP', (place) => putBody(place, new Uint8Array())],
    ['an empty pair', 'EMPTY_BACKUP', (place) => putPair(place, new Uint8Array(), sha1Of(file))],
    ['a checksum without data', 'LONE_SHA1', (place) => putPair(place, undefined, sha1Of(file))],
    ['data without its checksum', 'NO_SHA1', (place) => putPair(place, gzipped, undefined)],
    ['empty data without its checksum', 'NO_SHA1', (place) => putPair(place, new Uint8Array(), undefined)],
  ];
  for (const [what, code, put] of flaws) {
    it(`reports ${what} once, and what a restore can use instead`, async () => {
      const bucket = new Bucket();
      await bucket.backup('a', daysAgo(1));
      const older = await bucket.backup('a', daysAgo(4), metricFile(2));
      const key = await put({ bucket, metric: 'a' });
      const { counts, damaged = [] } = await verifyAll(bucket.store, { now: bucket.now });
      assert.equal(counts['damaged'], 1);
      assert.deepEqual(
        damaged.map(({ metric, code, key, instead }) => ({ metric, code, key, instead })),
        [{ metric: 'a', code, key, instead: { key: older, read: false } }],
      );
    });
  }

  it('reports backups above the size limit of a restore', async () => {
    const bucket = new Bucket();
    const key = await bucket.backup('a', daysAgo(2));
    const store = delegate(bucket.store, {
      async *list(range) {
        for await (const object of bucket.store.list(range)) yield { ...object, size: 2 ** 31 + 1 };
      },
    });
    for (const readData of [false, true]) {
      const { damaged = [] } = await verifyAll(store, { now: bucket.now, readData });
      assert.deepEqual(
        damaged.map(({ code, key }) => [code, key]),
        [['TOO_LARGE', key]],
      );
    }
  });

  it('allows data a day to get its checksum', async () => {
    const bucket = new Bucket();
    await bucket.pair('a', daysAgo(2));
    await bucket.put(pairKeys('', 'a', formatTimestamp(daysAgo(0.9))).data, daysAgo(0.9), gzipped);
    // Copied to this bucket an hour ago.
    await bucket.put(pairKeys('', 'a', formatTimestamp(daysAgo(9))).data, daysAgo(0.04), gzipped);
    const { counts } = await verifyAll(bucket.store, { now: bucket.now });
    assert.deepEqual([counts['damaged'], counts['unfinished']], [0, 2]);
  });

  it('reports only what it sees twice, because another run may be deleting a pair', async () => {
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(1));
    const data = await putPair({ bucket, metric: 'a' }, gzipped, undefined);
    let listings = 0;
    const store = delegate(bucket.store, {
      async *list(range) {
        listings++;
        yield* bucket.store.list(range);
        if (range?.prefix === '') await bucket.store.delete([data]);
      },
    });
    const { counts } = await verifyAll(store, { now: bucket.now });
    assert.ok(listings > 2);
    assert.equal(counts['damaged'], 0);
  });

  it('counts foreign keys, never as damage, and notes those that look like a backup', async () => {
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(1));
    const sha1 = sha1Of(file);
    const misnamed = [`a/2026-11-20 00:00:00.${sha1}.wsp.gz`, 'a/2026-13-20T00:00:00+00:00.wsp.gz', 'a/old.sha1'];
    for (const key of [...misnamed, 'a/readme.txt', 'readme.txt', 'sp/a/b.wsp.gz'])
      await bucket.store.put(key, gzipped);
    const { counts, damaged, notes } = await verifyAll(bucket.store, { now: bucket.now, readData: true });
    assert.deepEqual([damaged, counts['foreignKeys'], counts['backups']], [[], 6, 1]);
    assert.deepEqual(codesOf(notes), Object.fromEntries(misnamed.map((key) => [key, 'MISNAMED'])));
  });

  it('finds pairs wherever the Python tool put them', async () => {
    const bucket = new Bucket();
    await bucket.put(`/a/${formatTimestamp(daysAgo(3))}.wsp.gz`, daysAgo(3), gzipped);
    await bucket.put(`/a/${formatTimestamp(daysAgo(3))}.sha1`, daysAgo(3), text(sha1Of(file)));
    await bucket.put(`/a/${formatTimestamp(daysAgo(4))}.sha1`, daysAgo(4), text(sha1Of(file)));
    await bucket.put(`x%2Ey.a/${formatTimestamp(daysAgo(4))}.sha1`, daysAgo(4), text(sha1Of(file)));
    const { counts, damaged = [] } = await verifyAll(bucket.store, { now: bucket.now, readData: true });
    assert.deepEqual([counts['backups'], counts['read']], [1, 1]);
    assert.deepEqual(damaged.map(({ key }) => key).toSorted(), [
      `/a/${formatTimestamp(daysAgo(4))}.sha1`,
      `x%2Ey.a/${formatTimestamp(daysAgo(4))}.sha1`,
    ]);
  });

  it('checks only its own storage path', async () => {
    for (const place of [{ storagePath: 'sp' }, { storagePathRaw: 'sp' }]) {
      const root = 'storagePath' in place ? 'sp/' : 'sp';
      const bucket = new Bucket({ root });
      await bucket.put(await bucket.backup('a', daysAgo(2)), daysAgo(2), text('junk'));
      await new Bucket().backup('a', daysAgo(2));
      await bucket.store.put(`a/${formatTimestamp(daysAgo(4))}.sha1`, text(sha1Of(file)));
      const { damaged = [] } = await verifyAll(bucket.store, { now: bucket.now, readData: true, ...place });
      assert.deepEqual(codesOf(damaged), { a: 'COMPRESSION_DAMAGED' });
    }
  });

  it('stops if a listing is out of order', async () => {
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(2));
    await bucket.backup('b', daysAgo(2));
    const store = delegate(bucket.store, {
      async *list(range) {
        const objects = [];
        for await (const object of bucket.store.list(range)) objects.push(object);
        yield* objects.reverse();
      },
    });
    const { stopped, counts } = await verifyAll(store, { now: bucket.now });
    assert.equal(stopped?.code, 'DISORDER');
    assert.equal(counts['backups'], 2);
  });

  it('stops if nothing matched, but not if the part is empty', async () => {
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(2));
    for (const options of [{ metrics: 'x*' }, { exclude: ['*'] }, { date: daysAgo(3) }, { since: daysAgo(1) }]) {
      const { stopped } = await verifyAll(bucket.store, { now: bucket.now, ...options });
      assert.equal(stopped?.code, 'NOTHING_MATCHED', JSON.stringify(options));
    }
    const other = isInPart('a', { number: 1, of: 2 }) ? 2 : 1;
    const { counts, stopped } = await verifyAll(bucket.store, { readData: { number: other, of: 2 } });
    assert.deepEqual([counts['read'], stopped], [0, undefined]);
  });

  it('stops when it is aborted', async () => {
    const bucket = new Bucket();
    for (let i = 0; i < 50; i++) await bucket.backup(`m${i}`, daysAgo(2));
    const controller = new AbortController();
    const store = delegate(bucket.store, {
      async get(key, options) {
        controller.abort(new Error('enough'));
        return bucket.store.get(key, options);
      },
    });
    await assert.rejects(verifyAll(store, { readData: true, signal: controller.signal }), /enough/);
  });
});

describe('verify against the local tree', () => {
  for (const layout of ['native', 'python'] as const) {
    it(`reports same, changed, missing and never stored files, in the layout ${layout}`, async () => {
      await using scratch = await createScratch();
      const tree = await scratch.directory('tree');
      for (const md5 of [true, false]) {
        const store = createMemoryStore({ md5 });
        await plantMetrics(tree, ['a', 'b', 'c', 'd']);
        await backUp(store, tree, { layout });
        await plantMetric(tree, 'b', metricFile(99));
        await rm(`${tree}/c.wsp`);
        await plantMetric(tree, 'new/e', metricFile(5));
        const { counts, damaged, failed, notes } = await verifyAll(store, { compare: { prefix: tree } });
        assert.deepEqual([damaged, failed], [[], []]);
        const { metrics, same, changed, gone, neverStored } = counts;
        assert.deepEqual(
          { metrics, same, changed, gone, neverStored },
          { metrics: 5, same: 2, changed: 1, gone: 1, neverStored: 1 },
        );
        assert.deepEqual(codesOf(notes), { c: 'GONE', 'new.e': 'NEVER_STORED' });
        await rm(`${tree}/new`, { recursive: true });
      }
    });
  }

  it('stays within the glob and the date', async () => {
    await using scratch = await createScratch();
    const tree = await scratch.directory('tree');
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(5), metricFile(1));
    await bucket.backup('a', daysAgo(2), metricFile(2));
    await plantMetric(tree, 'a', metricFile(1));
    await plantMetric(tree, 'b', metricFile(1));
    const compare = { prefix: tree };
    const all = await verifyAll(bucket.store, { compare, metrics: 'a' });
    assert.deepEqual([all.counts['changed'], all.counts['same'], all.counts['neverStored']], [1, 0, 0]);
    const before = await verifyAll(bucket.store, { compare, metrics: 'a', date: daysAgo(3) });
    assert.deepEqual([before.counts['changed'], before.counts['same']], [0, 1]);
  });

  it('counts unreadable files as failed, and rejects a missing tree', async () => {
    await using scratch = await createScratch();
    const tree = await scratch.directory('tree');
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(5));
    await scratch.directory('tree', 'a.wsp.d');
    await scratch.directory('tree', 'b.wsp');
    await plantMetric(tree, 'a');
    await rm(`${tree}/a.wsp`);
    const { symlink } = await import('node:fs/promises');
    await symlink(scratch.at('nowhere'), `${tree}/a.wsp`);
    const { failed } = await verifyAll(bucket.store, { compare: { prefix: tree } });
    assert.deepEqual(codesOf(failed), { a: 'DANGLING_LINK' });
    await assert.rejects(verifyAll(bucket.store, { compare: { prefix: scratch.at('none') } }), {
      code: 'TREE_MISSING',
    });
  });
});
