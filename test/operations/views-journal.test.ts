import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silent } from '../../lib/common/report.ts';
import { formatTimestamp } from '../../lib/common/timestamp.ts';
import { type ShownArchive, showStored } from '../../lib/operations/views/show.ts';
import { DeniedError } from '../../lib/store/errors.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { knownPoints } from '../../lib/whisper/info.ts';
import { Bucket } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { at, fileUntil, putRun } from '../fixtures/journal-run.ts';
import { listAll } from '../fixtures/operations.ts';

/** A metric with a backup at 11:10 and another at 11:50, and runs of the journal in between, each with three parts. */
async function journaled(): Promise<{ bucket: Bucket; parts: readonly string[] }> {
  const bucket = new Bucket();
  await bucket.backup('m', at(10), fileUntil(10));
  await bucket.backup('m', at(50), fileUntil(50, 1000));
  const parts: string[] = [];
  for (const [from, until] of [
    [0, 5],
    [9, 23],
    [22, 41],
    [49, 55],
  ] as const)
    parts.push(
      ...(await putRun(bucket, at(until), [[['a', from, until]], [['m', from, until]], [['z', from, until]]])),
    );
  return { bucket, parts };
}

function show(bucket: Bucket, options: Partial<Parameters<typeof showStored>[2]> = {}) {
  return showStored(bucket.store, 'm', { report: silent, ...options });
}

function seriesOf(archives: readonly ShownArchive[]) {
  return archives.map(({ series }) => series);
}

function pointsOf(bytes: Uint8Array) {
  return parseHeader(bytes).archives.map((archive) => knownPoints(bytes, archive));
}

describe('show with a journal', () => {
  it('shows what a restore would give at any date', async () => {
    const { bucket } = await journaled();
    const shown = await show(bucket, { date: at(30) });
    assert.deepEqual(seriesOf(shown.archives), pointsOf(fileUntil(31)));
    assert.equal(shown.backup?.date, formatTimestamp(at(10)));
    assert.deepEqual(shown.journal, { points: 14 + 9, reached: formatTimestamp(at(30)) });
    assert.equal((await show(bucket)).journal?.reached, formatTimestamp(at(54)));
  });

  it('shows the backup alone if asked to, and if the journal has nothing for it', async () => {
    const { bucket } = await journaled();
    const shown = await show(bucket, { date: at(30), journal: false });
    assert.deepEqual([seriesOf(shown.archives), shown.journal], [pointsOf(fileUntil(10)), undefined]);
    assert.equal((await show(bucket, { date: at(10.5) })).journal?.points, 1 + 1);
  });

  it('reads only the runs since the backup, and of them only parts that may have the metric', async () => {
    const { bucket, parts } = await journaled();
    const read: string[] = [];
    const watched = delegate(bucket.store, {
      get(key, options) {
        read.push(key);
        return bucket.store.get(key, options);
      },
    });
    await showStored(watched, 'm', { report: silent });
    const journal = read.filter((key) => key.includes('/journal/'));
    assert.deepEqual(journal, [parts[10]?.replace(/[^/]*$/, 'index.json'), parts[10]]);
  });

  it('names a damaged part, and shows the points of the others', async () => {
    const { bucket, parts } = await journaled();
    await bucket.put(parts[4] ?? '', at(23), new TextEncoder().encode('spoilt'));
    const shown = await show(bucket, { date: at(45) });
    assert.deepEqual(
      shown.damaged.map(({ key }) => key),
      [parts[4]],
    );
    assert.equal(shown.journal?.points, 19);
  });

  it('counts the lines that are not points', async () => {
    const bucket = new Bucket();
    await bucket.backup('m', at(10), fileUntil(10));
    const spoil = (text: string) => text.replace(/^m 23 /m, 'm 0x17 ').replace(/^m 22 \d+/m, 'm 22 soon');
    await putRun(bucket, at(23), [[['m', 9, 23]]], spoil);
    const shown = await show(bucket);
    assert.deepEqual([shown.malformed, shown.journal?.points], [2, 12]);
    assert.deepEqual(seriesOf(shown.archives), pointsOf(fileUntil(21)));
  });

  it('shows from when on points are missing, because a run has expired', async () => {
    const bucket = new Bucket();
    await bucket.backup('m', at(10), fileUntil(10));
    await putRun(bucket, at(37), [[['other', 32, 37]]], undefined, at(23));
    await putRun(bucket, at(41), [[['m', 36, 41]]], undefined, at(37));
    const { gap, malformed } = await show(bucket);
    assert.deepEqual([gap, malformed], [formatTimestamp(at(36)), undefined]);
  });

  it('fails if the store refuses a part: the file would lack points that are stored', async () => {
    const { bucket } = await journaled();
    const refusing = delegate(bucket.store, {
      async get(key, options) {
        if (key.includes('.lines.')) throw new DeniedError(`Cannot read ${key}: it is forbidden`);
        return bucket.store.get(key, options);
      },
    });
    await assert.rejects(showStored(refusing, 'm', { report: silent }), { code: 'DENIED' });
  });
});

describe('list with a journal', () => {
  const reachOf = (listed: Awaited<ReturnType<typeof listAll>>) =>
    listed.map(({ metric, date, journal }) => [metric, date.slice(11, 16), journal?.slice(11, 16)]);

  it('shows how far the journal reaches from the newest backup of each metric', async () => {
    const { bucket } = await journaled();
    // Between two parts, and behind the last one.
    for (const path of ['b', 'zz']) await bucket.backup(path, at(10), fileUntil(10));
    await putRun(bucket, at(57), [[['zz', 40, 56]]]);
    assert.deepEqual(reachOf(await listAll(bucket.store)), [
      ['b', '11:10', undefined],
      ['m', '11:10', undefined],
      ['m', '11:50', '11:55'],
      ['zz', '11:10', '11:57'],
    ]);
  });

  it('shows how far a restore would reach at a date', async () => {
    const { bucket } = await journaled();
    assert.deepEqual(reachOf(await listAll(bucket.store, { date: at(30) })), [['m', '11:10', '11:30']]);
    assert.deepEqual(reachOf(await listAll(bucket.store, { date: at(45) })), [['m', '11:10', '11:41']]);
    assert.deepEqual(reachOf(await listAll(bucket.store, { date: at(45), journal: false })), [
      ['m', '11:10', undefined],
    ]);
  });

  it('reads no part, and no index but that of the newest run if all metrics are in its range', async () => {
    const { bucket, parts } = await journaled();
    const read: string[] = [];
    const watched = delegate(bucket.store, {
      get(key, options) {
        read.push(key);
        return bucket.store.get(key, options);
      },
    });
    assert.equal((await listAll(watched)).length, 2);
    assert.deepEqual(read, [parts.at(-1)?.replace(/[^/]*$/, 'index.json')]);
  });

  it('names an index that cannot be used, and shows how far the others reach', async () => {
    const { bucket, parts } = await journaled();
    const index = parts.at(-4)?.replace(/[^/]*$/, 'index.json') ?? '';
    await bucket.put(index, at(41), new TextEncoder().encode('{}'));
    const warnings: string[] = [];
    const report = { ...silent, log: (_: string, message: string) => warnings.push(message) };
    assert.deepEqual(reachOf(await listAll(bucket.store, { date: at(45), report })), [['m', '11:10', '11:23']]);
    assert.equal(warnings.filter((message) => message.startsWith(index)).length, 1, String(warnings));
  });
});
