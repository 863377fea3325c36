import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { parseRename, type RenameRule } from '../../lib/bucket/rename.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { knownPoints } from '../../lib/whisper/info.ts';
import { Bucket, NOW } from '../fixtures/bucket.ts';
import { at, fileUntil, putRun } from '../fixtures/journal-run.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { backUp, listAll, machine, restoreTree } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';

function rules(...texts: readonly string[]): RenameRule[] {
  return texts.map((text) => parseRename(text) ?? assert.fail(text));
}

/** The values of a file's points by their times, finest archive. */
function valuesOf(bytes: Uint8Array): Map<number, number> {
  const [archive] = parseHeader(bytes).archives;
  assert.ok(archive);
  return new Map(knownPoints(bytes, archive).map(({ timestamp, value }) => [timestamp, value]));
}

describe('restore with --rename', () => {
  it('restores metrics under their new names, with the journal of the old ones, and others under their own', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const path of ['servers/a/cpu', 'servers/ab', 'other']) await bucket.backup(path, at(10), fileUntil(10));
    await putRun(bucket, at(23), [
      [
        ['other', 9, 23],
        ['servers.a.cpu', 9, 23],
        ['servers.z.cpu', 9, 23],
      ],
    ]);
    const summary = await restoreTree(bucket.store, scratch.at('tree'), {
      now: bucket.now,
      rename: rules('servers.a=hosts.z'),
    });
    const tree = await readTree(scratch.at('tree'));
    assert.deepEqual(Object.keys(contents(tree)).toSorted(), ['hosts/z/cpu.wsp', 'other.wsp', 'servers/ab.wsp']);
    assert.deepEqual(await readFile(scratch.at('tree', 'hosts/z/cpu.wsp')), fileUntil(23));
    assert.deepEqual(await readFile(scratch.at('tree', 'other.wsp')), fileUntil(23));
    const { restored, renamed, journalLinesLeft } = summary.counts;
    assert.deepEqual([restored, renamed, journalLinesLeft], [3, 1, 14]);
    assert.deepEqual(summary.renamed, [{ metric: 'servers.a.cpu', target: 'hosts.z.cpu', outcome: 'restored' }]);
  });

  it('does not count a metric of which the bucket has only the state before as one without a backup', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await plantMetric(scratch.at('tree'), 'a', metricFile(1));
    await backUp(bucket.store, scratch.at('tree'), { now: bucket.now });
    await plantMetric(scratch.at('tree'), 'b', metricFile(2));
    const options = { now: bucket.now, machine, overwrite: true, rename: rules('a=b') };
    const { counts, notRestored } = await restoreTree(bucket.store, scratch.at('tree'), options);
    assert.deepEqual([counts.stored, counts.restored, counts.noBackup, notRestored], [1, 1, undefined, undefined]);
    const again = await restoreTree(bucket.store, scratch.at('tree'), { now: bucket.now, metrics: 'b' });
    assert.equal(again.stopped?.code, 'NOTHING_MATCHED');
  });

  it('fills the gaps of a file that the new name has already, and keeps its points', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const local = metricFile(7, { known: 10 });
    await bucket.backup('a', at(10), metricFile(1, { known: 30 }));
    await plantMetric(scratch.at('tree'), 'b', local);
    const { counts, renamed } = await restoreTree(bucket.store, scratch.at('tree'), {
      now: bucket.now,
      rename: rules('a=b'),
    });
    assert.deepEqual([counts.backfilled, counts.pointsFilled], [1, 20]);
    assert.deepEqual(renamed, [{ metric: 'a', target: 'b', outcome: 'backfilled' }]);
    const after = valuesOf(await readFile(scratch.at('tree', 'b.wsp')));
    for (const [timestamp, value] of valuesOf(local)) assert.equal(after.get(timestamp), value);
  });

  it('names both names in a dry run and in failures, and a dry run writes nothing', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('a/good', at(10));
    await bucket.backup('a/bad', at(10), new Uint8Array(100));
    const lines: string[] = [];
    const report = { log: (_: string, line: string) => lines.push(line), progress() {} };
    const summary = await restoreTree(bucket.store, scratch.at('tree'), {
      report,
      now: bucket.now,
      dryRun: true,
      rename: rules('a=b'),
    });
    assert.deepEqual(summary.renamed, [{ metric: 'a.good', target: 'b.good', outcome: 'restored' }]);
    assert.deepEqual(
      summary.failed.map(({ metric, target }) => [metric, target]),
      [['a.bad', 'b.bad']],
    );
    assert.ok(lines.includes('a.good -> b.good: would be restored'), lines.join('\n'));
    await assert.rejects(readFile(scratch.at('tree', 'b/good.wsp')), { code: 'ENOENT' });
  });

  it('refuses two metrics for one new name before it writes anything', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const path of ['a/x', 'b/x', 'c/y']) await bucket.backup(path, at(10));
    const run = (...texts: readonly string[]) =>
      restoreTree(bucket.store, scratch.at('tree'), { now: bucket.now, rename: rules(...texts) });
    await assert.rejects(run('a=z', 'b=z'), {
      code: 'RENAME_COLLISION',
      message: /a\.x and b\.x would both become z\.x/,
    });
    await assert.rejects(run('a=b'), { code: 'RENAME_COLLISION', message: /a\.x and b\.x would both become b\.x/ });
    await assert.rejects(run('a.x=c.y'), { message: /a\.x and c\.y would both become c\.y/ });
    await assert.rejects(readTree(scratch.at('tree')), { code: 'ENOENT' });
    const swapped = await run('a=b', 'b=a', 'c=b.x');
    assert.equal(swapped.counts.restored, 3);
  });

  it('does not refuse a name whose other metric is not selected, has no backup before the date, or is skipped', async () => {
    const bucket = new Bucket();
    await bucket.backup('a/x', at(10));
    await bucket.backup('b/x', at(20));
    await bucket.tombstone('b/x', at(30));
    for (const options of [{ metrics: 'a.*' }, { exclude: ['b'] }, { date: at(15) }, { skipGone: true }]) {
      await using scratch = await createScratch();
      const rename = rules('a=b');
      const { counts } = await restoreTree(bucket.store, scratch.at('tree'), { now: bucket.now, rename, ...options });
      assert.equal(counts.restored, 1);
    }
  });

  it('with --merge fills one file from all, and the metric with that name takes precedence, then the order of the rules', async () => {
    const noon = NOW.getTime() / 1000;
    const bucket = new Bucket();
    await bucket.backup('z', at(10), metricFile(1, { known: 10 }));
    await bucket.backup('a', at(10), metricFile(2, { known: 20 }));
    await bucket.backup('b', at(10), metricFile(3, { known: 30 }));
    await putRun(bucket, at(59), [[['gone', 9, 23]]]);
    for (const [second, third] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      await using scratch = await createScratch();
      const { counts, renamed = [] } = await restoreTree(bucket.store, scratch.at('tree'), {
        now: bucket.now,
        merge: true,
        rename: rules(`${second}=z`, `${third}=z`),
      });
      assert.deepEqual([counts.metrics, counts.restored, counts.journalLinesLeft], [3, 1, 14]);
      assert.deepEqual(
        renamed.map(({ metric }) => metric),
        [second, third],
      );
      const values = valuesOf(await readFile(scratch.at('tree', 'z.wsp')));
      const seeds = Array.from({ length: 30 }, (_, i) => {
        const value = values.get(noon - i * 60);
        return [1, 2, 3].find((seed) => value === Math.sin(seed + i));
      });
      const tens = second === 'a' ? [1, 2, 3] : [1, 3, 3];
      assert.deepEqual(
        seeds,
        tens.flatMap((seed) => new Array(10).fill(seed)),
      );
    }
  });

  it('refuses --merge with --overwrite, which would leave only the last metric', async () => {
    await using scratch = await createScratch();
    const options = { rename: rules('a=b'), merge: true, overwrite: true };
    await assert.rejects(restoreTree(new Bucket().store, scratch.at('tree'), options), { code: 'INVALID_OPTION' });
  });
});

describe('list with --rename', () => {
  it('shows the names under which a restore would write', async () => {
    const bucket = new Bucket();
    for (const path of ['a/x', 'c']) await bucket.backup(path, at(10));
    const found = await listAll(bucket.store, { rename: rules('a=b') });
    assert.deepEqual(
      found.map(({ metric, target }) => [metric, target]),
      [
        ['a.x', 'b.x'],
        ['c', undefined],
      ],
    );
  });
});
