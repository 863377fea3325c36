import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { journalKey } from '../../lib/bucket/layout.ts';
import type { Summary } from '../../lib/common/summary.ts';
import { formatTimestamp } from '../../lib/common/timestamp.ts';
import type { RestoreOptions } from '../../lib/operations/restore/restore.ts';
import { DeniedError } from '../../lib/store/errors.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { knownPoints } from '../../lib/whisper/info.ts';
import { Bucket } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { at, fileUntil, linesOf, putRun } from '../fixtures/journal-run.ts';
import { backUp, codesOf, journalTree, restoreTree } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';

function run(bucket: Bucket, prefix: string, options: Partial<RestoreOptions> = {}): Promise<Summary> {
  return restoreTree(bucket.store, prefix, { now: bucket.now, ...options });
}

describe('restore with a journal', () => {
  it('restores the live file byte for byte from a backup and the runs since then', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const path of ['a/b', 'a b', 'z']) await bucket.backup(path, at(10), fileUntil(10));
    await bucket.backup('quiet', at(10), fileUntil(10));
    await putRun(bucket, at(5), [[['a b', 0, 5]]]);
    await putRun(bucket, at(23), [
      [
        ['a b', 9, 23],
        ['a.b', 9, 23],
      ],
      [['z', 9, 23]],
    ]);
    await putRun(bucket, at(41), [
      [['a b', 22, 41]],
      [
        ['a.b', 22, 41],
        ['z', 22, 41],
      ],
    ]);
    const summary = await run(bucket, scratch.at('tree'));
    for (const path of ['a/b', 'a b', 'z'])
      assert.deepEqual(await readFile(scratch.at('tree', `${path}.wsp`)), fileUntil(41), path);
    assert.deepEqual(await readFile(scratch.at('tree', 'quiet.wsp')), fileUntil(10));
    const { restored, failed, pointsReplayed, journalLinesLeft = 0 } = summary.counts;
    assert.deepEqual([restored, failed, pointsReplayed, journalLinesLeft], [4, 0, 3 * (14 + 19), 0]);
    assert.equal(summary.reached, formatTimestamp(at(40)));
  });

  it('restores what a journal run has stored after carbon wrote to a file', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const [tree, marks] = [scratch.at('live'), { file: scratch.at('marks') }];
    await mkdir(tree, { recursive: true });
    const options = { now: bucket.now, marks };
    for (const minutes of [10, 23, 41]) {
      bucket.time = at(minutes);
      await writeFile(`${tree}/m.wsp`, fileUntil(minutes));
      if (minutes === 10) await backUp(bucket.store, tree, { now: bucket.now });
      else assert.equal((await journalTree(bucket.store, tree, options)).counts.journaled, 1);
    }
    await run(bucket, scratch.at('tree'));
    assert.deepEqual(await readFile(scratch.at('tree', 'm.wsp')), fileUntil(41));
  });

  it('names a damaged part once, also where only a later pass or a pair of the Python tool needs it', async () => {
    for (const [name, line, options] of [
      ['a', 'a', {}],
      ['a', 'a', { rename: [{ from: 'a', to: 'z' }], merge: true }],
      ['a%2Eb', 'a%252Eb', {}],
    ] as const) {
      await using scratch = await createScratch();
      const bucket = new Bucket();
      if (name === 'a') await bucket.backup(name, at(10), fileUntil(10));
      else await bucket.pair(name, at(10), fileUntil(10));
      await bucket.backup('z', at(5), fileUntil(5));
      const [key = ''] = await putRun(bucket, at(23), [[[line, 9, 23]]]);
      assert.equal((await run(bucket, scratch.at('sound'), options)).counts.pointsReplayed, 14);
      await bucket.put(key, at(23), Buffer.from('rubbish'));
      const { failed } = await run(bucket, scratch.at('tree'), options);
      assert.deepEqual(
        failed.map(({ metric }) => metric),
        [key],
        name,
      );
    }
  });

  it('leaves out a run that expires meanwhile', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('m', at(10), fileUntil(10));
    await putRun(bucket, at(9), [[['m', 5, 9]]]);
    await putRun(bucket, at(23), [[['m', 9, 23]]]);
    const { store } = bucket;
    const index = journalKey('', at(9), 'index.json');
    const expiring = delegate(store, {
      async get(key, options) {
        if (key === index) await store.delete([key]);
        return store.get(key, options);
      },
    });
    const { counts, failed } = await restoreTree(expiring, scratch.at('tree'), { now: bucket.now });
    assert.deepEqual([failed, counts.pointsReplayed], [[], 14]);
  });

  it('names metrics with points in a run that has expired, and aggregates nothing from a part of their points', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const path of ['idle', 'm']) await bucket.backup(path, at(10), fileUntil(10));
    await bucket.backup('later', at(32), fileUntil(32));
    const lines = [['idle', 9, 12] as const, ['later', 31, 41] as const, ['m', 32, 41] as const];
    await putRun(
      bucket,
      at(37),
      [lines.map(([name, from, until]) => [name, from, Math.min(37, until)])],
      undefined,
      at(23),
    );
    await putRun(bucket, at(41), [[['m', 36, 41]]], undefined, at(37));
    const { failed, notes } = await run(bucket, scratch.at('tree'));
    assert.deepEqual([failed, codesOf(notes)], [[], { m: 'JOURNAL_GAP' }]);
    const sums = async (name: string) => {
      const bytes = await readFile(scratch.at('tree', `${name}.wsp`));
      const [, coarse] = parseHeader(bytes).archives;
      return coarse && knownPoints(bytes, coarse).map(({ value }) => value);
    };
    // The slot of minutes 30 to 34 lacks two of its points.
    assert.deepEqual(await sums('m'), [15, 40, 190]);
    assert.deepEqual(await sums('later'), [15, 40, 65, 90, 115, 140, 165]);
  });

  it('ends if the store refuses a part: the files would lack points that are stored', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('m', at(10), fileUntil(10));
    await putRun(bucket, at(23), [[['m', 9, 23]]]);
    const { store } = bucket;
    const refusing = delegate(store, {
      async get(key, options) {
        if (key.includes('.lines.')) throw new DeniedError(`Cannot read ${key}: it is forbidden`);
        return store.get(key, options);
      },
    });
    await assert.rejects(restoreTree(refusing, scratch.at('tree'), { now: bucket.now }), { code: 'DENIED' });
  });

  it('leaves the journal out if asked to', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('m', at(10), fileUntil(10));
    await putRun(bucket, at(23), [[['m', 9, 23]]]);
    const { counts, reached } = await run(bucket, scratch.at('tree'), { journal: false });
    assert.deepEqual(await readFile(scratch.at('tree', 'm.wsp')), fileUntil(10));
    assert.deepEqual([counts.pointsReplayed, reached], [undefined, undefined]);
  });

  it('restores the state at any minute between two backups', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('m', at(10), fileUntil(10));
    await bucket.backup('m', at(50), fileUntil(50, 1000));
    await putRun(bucket, at(23), [[['m', 9, 23]]]);
    await putRun(bucket, at(41), [[['m', 22, 41]]]);
    await run(bucket, scratch.at('tree'), { date: at(30) });
    assert.deepEqual(await readFile(scratch.at('tree', 'm.wsp')), fileUntil(31));
  });

  it('fills a local file from the backup and the journal, and changes nothing the second time', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('m', at(10), fileUntil(10));
    await run(bucket, scratch.at('tree'));
    await putRun(bucket, at(23), [[['m', 9, 23]]]);
    const first = await run(bucket, scratch.at('tree'));
    const bytes = await readFile(scratch.at('tree', 'm.wsp'));
    const second = await run(bucket, scratch.at('tree'));
    assert.equal(first.counts.backfilled, 1);
    for (const archive of parseHeader(bytes).archives)
      assert.deepEqual(knownPoints(bytes, archive), knownPoints(fileUntil(23), archive));
    assert.equal(second.counts.unchanged, 1);
    assert.deepEqual(await readFile(scratch.at('tree', 'm.wsp')), bytes);
  });

  it('counts the lines of metrics without a backup', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const path of ['b', 'd']) await bucket.backup(path, at(10), fileUntil(10));
    await putRun(bucket, at(23), [
      [['a', 9, 12]],
      [
        ['b', 9, 23],
        ['c', 9, 14],
        ['d', 9, 23],
      ],
      [['e', 9, 16]],
    ]);
    const { counts } = await run(bucket, scratch.at('tree'));
    assert.deepEqual(await readFile(scratch.at('tree', 'd.wsp')), fileUntil(23));
    assert.deepEqual([counts.metrics, counts.failed, counts.journalLinesLeft], [2, 0, 3 + 5 + 7]);
  });

  it('takes the lines since an older backup if it falls back to it', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('m', at(10), fileUntil(10));
    await bucket.put(await bucket.backup('m', at(30), fileUntil(30)), at(30), new TextEncoder().encode('spoilt'));
    await putRun(bucket, at(23), [[['m', 9, 23]]]);
    await putRun(bucket, at(41), [[['m', 22, 41]]]);
    const { counts } = await run(bucket, scratch.at('tree'), { fallback: true });
    assert.equal(counts.fallbacks, 1);
    assert.deepEqual(await readFile(scratch.at('tree', 'm.wsp')), fileUntil(41));
  });

  const damages: readonly [string, string, (key: string, body: Uint8Array) => Uint8Array | undefined][] = [
    ['NOT_FOUND', 'is missing', () => undefined],
    ['COMPRESSION_DAMAGED', 'is cut', (_, body) => body.subarray(0, body.length / 2)],
    ['WRONG_SHA1', 'has other lines', () => gzipSync(linesOf([['b', 9, 11]]))],
    ['COMPRESSION_TOO_LARGE', 'is a bomb', () => gzipSync(Buffer.alloc(2 ** 24, 'b 1 1\n'))],
  ];
  for (const [code, what, damage] of damages) {
    it(`names a part that ${what}, and restores the rest`, async () => {
      await using scratch = await createScratch();
      const bucket = new Bucket();
      for (const path of ['a', 'b', 'c']) await bucket.backup(path, at(10), fileUntil(10));
      const keys = await putRun(bucket, at(23), [[['a', 9, 23]], [['b', 9, 23]], [['c', 9, 23]]]);
      const key = keys[1] ?? '';
      const body = damage(key, await bucket.store.get(key, { maxBytes: 2 ** 20 }));
      await bucket.store.delete([key]);
      if (body) await bucket.put(key, at(23), body);
      const { counts, failed } = await run(bucket, scratch.at('tree'));
      assert.deepEqual([counts.restored, counts.failed], [3, 1]);
      assert.deepEqual(
        failed.map((named) => [named.metric, String(named.code)]),
        [[key, code]],
      );
      for (const [path, minutes] of [
        ['a', 23],
        ['b', 10],
        ['c', 23],
      ] as const)
        assert.deepEqual(await readFile(scratch.at('tree', `${path}.wsp`)), fileUntil(minutes), path);
    });
  }

  it('restores a metric without the lines that are not points, and names it', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const path of ['a', 'b']) await bucket.backup(path, at(10), fileUntil(10));
    const lines = [
      ['a', 9, 23],
      ['b', 9, 23],
    ] as const;
    const spoil = (text: string) => text.replace(/^a 23 /m, 'a 0x17 ').replace(/^a 22 \d+/m, 'a 22 soon');
    await putRun(bucket, at(23), [lines], spoil);
    const { counts, failed } = await run(bucket, scratch.at('tree'));
    assert.deepEqual([counts.restored, counts.failed, counts.journalLinesLeft], [2, 1, 2]);
    assert.deepEqual(codesOf(failed), { a: 'BAD_LINES' });
    assert.deepEqual(await readFile(scratch.at('tree', 'a.wsp')), fileUntil(21));
    assert.deepEqual(await readFile(scratch.at('tree', 'b.wsp')), fileUntil(23));
  });

  it('finds the lines of a metric of which the bucket only has pairs under another name', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.pair('%2Ea', at(10), fileUntil(10));
    await bucket.backup('b', at(10), fileUntil(10));
    const lines = [
      ['%252Ea', 9, 23],
      ['b', 9, 23],
    ] as const;
    await putRun(bucket, at(23), [lines]);
    const { counts, failed } = await run(bucket, scratch.at('tree'));
    assert.deepEqual([counts.restored, failed, counts.pointsReplayed], [2, [], 28]);
    for (const path of ['%2Ea', 'b'])
      assert.deepEqual(await readFile(scratch.at('tree', `${path}.wsp`)), fileUntil(23), path);
  });

  it('applies the journal again to a file that another process removed meanwhile', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const path of ['a', 'b']) await bucket.backup(path, at(10), fileUntil(10));
    await putRun(bucket, at(23), [[['a', 9, 23]]]);
    const file = scratch.at('tree', 'a.wsp');
    const removing = delegate(bucket.store, {
      async get(key, options) {
        if (key.startsWith('b/')) {
          while (!existsSync(file)) await sleep(5);
          await rm(file);
        }
        return bucket.store.get(key, options);
      },
    });
    const { counts } = await restoreTree(removing, scratch.at('tree'), { now: bucket.now });
    assert.equal(counts.refilled, 1);
    assert.deepEqual(await readFile(file), fileUntil(23));
  });

  const hostile: readonly [string, (text: string) => string][] = [
    ['a name of 2 MB', () => `${'n'.repeat(2 ** 21)} 1 1\n`],
    ['a line without an end', () => `m ${'1'.repeat(2 ** 21)}`],
    ['bytes that are no text', () => '\0\u0001\u0002 \n\n\n'],
    ['lines without points', () => '\n\n'],
    ['names out of order', () => 'z 1 1\nm 1 1\n'],
  ];
  for (const [what, change] of hostile) {
    it(`names a part that has ${what}`, async () => {
      await using scratch = await createScratch();
      const bucket = new Bucket();
      await bucket.backup('m', at(10), fileUntil(10));
      const [key] = await putRun(bucket, at(23), [[['m', 9, 23]]], change);
      const { counts, failed } = await run(bucket, scratch.at('tree'));
      assert.deepEqual([counts.restored, counts.failed], [1, 1]);
      assert.deepEqual(
        failed.map((named) => [named.metric, String(named.code)]),
        [[key, 'BAD_LINES']],
      );
      assert.deepEqual(await readFile(scratch.at('tree', 'm.wsp')), fileUntil(10));
    });
  }

  it('names an index that cannot be used, and restores without its run', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('m', at(10), fileUntil(10));
    const key = journalKey('', at(23), 'index.json');
    await bucket.put(key, at(23), new TextEncoder().encode('{}'));
    const { failed } = await run(bucket, scratch.at('tree'));
    assert.deepEqual(
      failed.map((named) => [named.metric, String(named.code)]),
      [[key, 'BAD_INDEX']],
    );
  });
});
