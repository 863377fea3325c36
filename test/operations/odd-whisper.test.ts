import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Count } from '../../lib/common/codes.ts';
import { silent } from '../../lib/common/report.ts';
import type { Summary } from '../../lib/common/summary.ts';
import { createCompressor } from '../../lib/compress/engine.ts';
import { type DrillOptions, drill } from '../../lib/operations/drill/drill.ts';
import { showFile, showStored } from '../../lib/operations/views/show.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { exitCodeOfSummary, exitCodes } from '../../scripts/cli/run/exit-code.ts';
import { shownText } from '../../scripts/cli/text/show.ts';
import { Bucket, daysAgo, NOW } from '../fixtures/bucket.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { damages, rawWhisper, usableOddities, withPoints } from '../fixtures/odd-whisper.ts';
import { backUp, codesOf, restoreTree, verifyAll } from '../fixtures/operations.ts';
import { snappyFramed } from '../fixtures/python-bucket.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { readTree } from '../fixtures/tree.ts';

const now = NOW.getTime() / 1000;
const odd = new Map(Object.entries(usableOddities).map(([name, file]) => [name, withPoints(rawWhisper(file), now)]));
const damaged = new Map(Object.entries(damages).map(([name, file]) => [name, rawWhisper(file)]));
/** The archives of these differ from any others: two of one step, no common step, one over the other. */
const UNMATCHABLE = ['same step', 'reversed', 'steps that do not divide', 'overlapping', 'forty archives'];

async function plantAll(tree: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [name, bytes] of files) await plantMetric(tree, name, bytes);
}

function counted(summary: Summary, ...names: Count[]): (number | undefined)[] {
  return names.map((name) => summary.counts[name]);
}

const asTree = (files: ReadonlyMap<string, Uint8Array>) =>
  new Map(
    [...files]
      .map(([name, bytes]): [string, Uint8Array] => [`${name}.wsp`, bytes])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

describe('an odd file that Graphite can use', () => {
  for (const format of [{}, { layout: 'python' }, { algorithm: 'zst' }] as const) {
    it(`is backed up, verified and restored bit for bit, with a note: ${JSON.stringify(format)}`, async () => {
      await using scratch = await createScratch();
      const bucket = new Bucket();
      await plantAll(scratch.at('tree'), odd);
      const stored = await backUp(bucket.store, scratch.at('tree'), { ...format, now: bucket.now });
      assert.deepEqual(counted(stored, 'stored', 'failed', 'odd'), [odd.size, 0, odd.size]);
      assert.deepEqual(codesOf(stored.notes), Object.fromEntries([...odd.keys()].map((name) => [name, 'ODD'])));
      assert.equal(exitCodeOfSummary(stored), exitCodes.done);

      const verified = await verifyAll(bucket.store, { readData: true, now: bucket.now });
      assert.deepEqual([verified.damaged, verified.failed, verified.counts['odd']], [[], [], odd.size]);
      assert.equal(exitCodeOfSummary(verified), exitCodes.done);

      await scratch.directory('restored');
      const restored = await restoreTree(bucket.store, scratch.at('restored'), { now: bucket.now });
      assert.deepEqual(counted(restored, 'restored', 'failed', 'odd'), [odd.size, 0, odd.size]);
      assert.deepEqual(await readTree(scratch.at('restored')), asTree(odd));
    });
  }

  it('is reported only the first twenty times in a run, and counted every time', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const bytes = rawWhisper({ archives: [{ step: 60, points: 60 }], trailing: 1 });
    for (let i = 0; i < 30; i++) await plantMetric(scratch.path, `m${i}`, bytes);
    const { counts, notes } = await backUp(bucket.store, scratch.path, { now: bucket.now });
    assert.deepEqual([counts['stored'], counts['odd'], notes.length], [30, 30, 20]);
    const again = await backUp(bucket.store, scratch.path, { now: bucket.now });
    assert.deepEqual([again.counts['unchanged'], again.notes], [30, []]);
  });

  for (const algorithm of ['gz', 'sz'] as const) {
    it(`is restored from a pair of the Python tool: ${algorithm}`, async () => {
      await using scratch = await createScratch();
      const bucket = new Bucket();
      for (const [name, bytes] of odd) {
        const body = algorithm === 'gz' ? new Uint8Array(gzipSync(bytes)) : snappyFramed(bytes);
        const key = await bucket.pair(name, daysAgo(1), bytes);
        await bucket.store.delete([key]);
        await bucket.put(key.replace(/gz$/, algorithm), daysAgo(1), body);
      }
      await scratch.directory('tree');
      const restored = await restoreTree(bucket.store, scratch.at('tree'), { now: bucket.now });
      assert.deepEqual(counted(restored, 'restored', 'failed'), [odd.size, 0]);
      assert.deepEqual(await readTree(scratch.at('tree')), asTree(odd));
    });
  }

  it('is backfilled if its archives can be matched, and otherwise reported, without changing the local file', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const local = new Map<string, Uint8Array>();
    for (const [name, file] of Object.entries(usableOddities)) {
      await bucket.backup(name, daysAgo(1), odd.get(name));
      local.set(name, withPoints(rawWhisper(file), now, { missing: 2 }));
    }
    await plantAll(scratch.at('tree'), local);
    const run = () => restoreTree(bucket.store, scratch.at('tree'), { now: bucket.now });
    const restored = await run();
    assert.deepEqual(
      codesOf(restored.failed),
      Object.fromEntries(UNMATCHABLE.map((name) => [name, 'WHISPER_UNMATCHABLE'])),
    );
    for (const { reason } of restored.failed)
      assert.match(reason, /^Cannot backfill .*cannot be matched: .*--overwrite/);
    assert.equal(exitCodeOfSummary(restored), exitCodes.someFailed);
    for (const [name, bytes] of local) {
      const expected = UNMATCHABLE.includes(name) ? bytes : odd.get(name);
      assert.deepEqual(new Uint8Array(await readFile(scratch.at('tree', `${name}.wsp`))), expected, name);
    }
    assert.equal((await run()).counts['backfilled'], 0);

    const overwritten = await restoreTree(bucket.store, scratch.at('tree'), { now: bucket.now, overwrite: true });
    assert.equal(overwritten.counts['failed'], 0);
    assert.deepEqual(await readTree(scratch.at('tree')), asTree(odd));
  });

  it('is never overwritten or moved aside as damaged', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const name of odd.keys()) await bucket.backup(name, daysAgo(1), metricFile());
    await plantAll(scratch.at('tree'), odd);
    const restored = await restoreTree(bucket.store, scratch.at('tree'), { now: bucket.now, replaceDamaged: true });
    assert.equal(restored.counts['restored'], 0);
    const files = [...(await readTree(scratch.at('tree'))).keys()];
    assert.deepEqual(files, [...asTree(odd).keys()]);
  });
});

describe('a damaged file that Graphite cannot use', () => {
  it('is reported and not backed up by default', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await plantAll(scratch.path, damaged);
    const refused = await backUp(bucket.store, scratch.path, { now: bucket.now });
    assert.deepEqual(
      codesOf(refused.failed),
      Object.fromEntries([...damaged.keys()].map((name) => [name, 'WHISPER_DAMAGED'])),
    );
    assert.equal(refused.counts['stored'], 0);
    const asked = await backUp(bucket.store, scratch.path, { now: bucket.now, includeDamaged: true });
    assert.deepEqual(counted(asked, 'stored', 'failed', 'damagedFiles'), [damaged.size, 0, damaged.size]);
    assert.equal(exitCodeOfSummary(asked), exitCodes.done);
  });

  it('is restored bit for bit with the option that stored it, and otherwise reported', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const huge = new Uint8Array(70 * 2 ** 20);
    huge.set(damaged.get('method 9') ?? [], 0);
    huge.fill(1, huge.length - 100);
    const all = new Map([...damaged, ['a large one', huge], ['text', new TextEncoder().encode('not Whisper data')]]);
    await plantAll(scratch.at('tree'), all);
    await backUp(bucket.store, scratch.at('tree'), { now: bucket.now, includeDamaged: true });
    await scratch.directory('restored');
    const options = { now: bucket.now };
    const refused = await restoreTree(bucket.store, scratch.at('restored'), options);
    assert.deepEqual(counted(refused, 'restored', 'failed'), [0, all.size]);
    for (const { metric, reason } of refused.failed) {
      if (metric !== 'a large one') assert.match(reason, /already damaged when it was backed up.*--include-damaged/);
    }
    const restored = await restoreTree(bucket.store, scratch.at('restored'), { ...options, includeDamaged: true });
    assert.deepEqual(counted(restored, 'restored', 'failed', 'damagedFiles'), [all.size, 0, all.size]);
    assert.deepEqual(await readTree(scratch.at('restored')), asTree(all));
    const verified = await verifyAll(bucket.store, { ...options, readData: true, includeDamaged: true });
    assert.deepEqual([verified.damaged, verified.failed], [[], []]);
  });

  it('never replaces a usable local file, whatever the options', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(1), damaged.get('cut by a byte'));
    const file = await plantMetric(scratch.path, 'a', metricFile());
    for (const options of [{}, { overwrite: true }, { replaceDamaged: true }]) {
      const restored = await restoreTree(bucket.store, scratch.path, {
        now: bucket.now,
        includeDamaged: true,
        ...options,
      });
      assert.deepEqual(codesOf(restored.failed), { a: 'LOCAL_USABLE' });
      assert.deepEqual(new Uint8Array(await readFile(file)), metricFile());
    }
    // A damaged local file is replaced on request.
    await writeFile(file, 'junk');
    await restoreTree(bucket.store, scratch.path, { now: bucket.now, includeDamaged: true, replaceDamaged: true });
    assert.deepEqual(new Uint8Array(await readFile(file)), damaged.get('cut by a byte'));
  });

  it('is skipped by --fallback, which uses the older backup', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    await bucket.backup('a', daysAgo(2), metricFile(1));
    await bucket.backup('a', daysAgo(1), damaged.get('cut by a byte'));
    const restored = await restoreTree(bucket.store, scratch.path, { now: bucket.now, fallback: true });
    assert.deepEqual(counted(restored, 'restored', 'fallbacks'), [1, 1]);
    assert.deepEqual(await readTree(scratch.path), new Map([['a.wsp', metricFile(1)]]));
  });
});

describe('a backup of a file that is longer than its header requires', () => {
  for (const algorithm of ['gz', 'zst'] as const) {
    it(`decompresses with each engine: ${algorithm}`, async () => {
      const bytes = odd.get('another file behind') ?? new Uint8Array();
      const bucket = new Bucket();
      const { compress } = await createCompressor({ algorithm });
      await bucket.put(
        (await bucket.backup('a', daysAgo(1), bytes)).replace(/gz$/, algorithm),
        daysAgo(1),
        compress(bytes),
      );
      for (const gzipEngine of ['zlib', 'auto']) {
        const verified = await verifyAll(bucket.store, { readData: true, now: bucket.now, gzipEngine });
        assert.deepEqual([verified.damaged, verified.failed], [[], []]);
      }
    });
  }
});

describe('a drill', () => {
  const run = (bucket: Bucket, prefix: string, space: string, options: Partial<DrillOptions> = {}) =>
    drill(bucket.store, { report: silent, processes: 0, fileLockTimeout: 0.2, prefix, scratch: space, ...options });

  it('finds odd files equal, also after carbon wrote to them, and none differing or damaged', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const tree = scratch.at('tree');
    await plantAll(tree, odd);
    await backUp(bucket.store, tree, { now: bucket.now });
    const first = await run(bucket, tree, scratch.at('space'));
    assert.deepEqual(counted(first, 'restored', 'same', 'differing', 'damaged', 'failed'), [
      odd.size,
      odd.size,
      0,
      0,
      0,
    ]);
    for (const [name, bytes] of odd) {
      const live = bytes.slice();
      updateMany(
        live,
        [1, 2, 3].map((i) => ({ timestamp: now + i * 60, value: i })),
        { now: now + 180 },
      );
      await plantMetric(tree, name, live);
    }
    const second = await run(bucket, tree, scratch.at('space'), { now: () => new Date((now + 200) * 1000) });
    assert.deepEqual(counted(second, 'same', 'differing', 'damaged', 'failed'), [odd.size, 0, 0, 0]);
  });

  it('fails for files that were damaged when they were stored, and accepts them with the option', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    const tree = scratch.at('tree');
    await plantAll(tree, damaged);
    await backUp(bucket.store, tree, { now: bucket.now, includeDamaged: true });
    const refused = await run(bucket, tree, scratch.at('space'));
    assert.deepEqual(counted(refused, 'restored', 'damaged', 'failed'), [0, 0, damaged.size]);
    const taken = await run(bucket, tree, scratch.at('space'), { includeDamaged: true });
    assert.deepEqual(counted(taken, 'restored', 'same', 'damaged', 'failed'), [damaged.size, damaged.size, 0, 0]);
  });
});

describe('show', () => {
  it('reads an odd file like any other, and reports what is odd', async () => {
    await using scratch = await createScratch();
    const bucket = new Bucket();
    for (const [name, bytes] of odd) {
      const file = await plantMetric(scratch.path, name, bytes);
      await bucket.backup(name, daysAgo(1), bytes);
      const local = await showFile(file, {});
      const { archives, oddity } = await showStored(bucket.store, name, { report: silent });
      assert.deepEqual([archives, oddity], [local.archives, local.oddity]);
      assert.equal(archives.length, usableOddities[name]?.archives.length);
      assert.ok(archives.some(({ known }) => known > 0));
      assert.match(await shownText(local, {}), /^odd {11}\w/m);
    }
  });
});
