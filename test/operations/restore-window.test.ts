import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { InvalidOptionError } from '../../lib/common/errors.ts';
import { silent } from '../../lib/common/report.ts';
import type { Summary } from '../../lib/common/summary.ts';
import { listHolds } from '../../lib/operations/holds/holds.ts';
import { fillFile } from '../../lib/operations/restore/fill-file.ts';
import type { MetricOutcome } from '../../lib/operations/restore/outcomes.ts';
import type { RestoreOptions } from '../../lib/operations/restore/restore.ts';
import { withDryRun } from '../../lib/store/decorators/dry-run.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { knownPoints } from '../../lib/whisper/info.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { Bucket } from '../fixtures/bucket.ts';
import { at, fileUntil, putRun } from '../fixtures/journal-run.ts';
import { plantMetric } from '../fixtures/metric.ts';
import { backUp, codesOf, journalTree, machine, restoreTree, threadsOn } from '../fixtures/operations.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';

/** The values of a file by minutes after eleven. */
function valuesOf(bytes: Uint8Array, level = 0): Map<number, number> {
  const archive = parseHeader(bytes).archives[level];
  assert.ok(archive);
  const start = at(0).getTime() / 1000;
  return new Map(knownPoints(bytes, archive).map(({ timestamp, value }) => [(timestamp - start) / 60, value]));
}

/** Minutes with the value that they had before anything bad happened: 1 at eleven, and 1 more each minute. */
function good(from: number, until: number): [number, number][] {
  return Array.from({ length: until - from }, (_, i) => [from + i, 1 + from + i]);
}

function withBad(bytes: Uint8Array, from: number, until: number): Buffer {
  const changed = Buffer.from(bytes);
  const points = Array.from({ length: until - from }, (_, i) => ({
    timestamp: at(from + i).getTime() / 1000,
    value: -1,
  }));
  updateMany(changed, points, { now: at(until).getTime() / 1000 });
  return changed;
}

/**
 * Metrics `a` and `b`, backed up at 11:31. From 11:20 on their points were overwritten, and at 11:40 bad ones came in; good
 * ones were written until 11:50.
 */
class World {
  readonly bucket = new Bucket();
  readonly tree: string;
  readonly bad = withBad(withBad(fileUntil(50), 20, 25), 40, 45);

  constructor(scratch: Scratch) {
    this.tree = scratch.at('tree');
  }

  async make(): Promise<this> {
    for (const path of ['a', 'b']) {
      await this.bucket.backup(path, at(31), fileUntil(30));
      await plantMetric(this.tree, path, this.bad);
    }
    return this;
  }

  restore(from: number, until: number, options: Partial<RestoreOptions> = {}, erase = false): Promise<Summary> {
    const window = { from: at(from), until: at(until), erase };
    return restoreTree(this.bucket.store, this.tree, { now: this.bucket.now, window, ...options });
  }

  async file(path = 'a'): Promise<Buffer> {
    return await readFile(`${this.tree}/${path}.wsp`);
  }
}

describe('restore of a window', () => {
  it('replaces the points inside by those of the backup, and no others', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).make();
    const { counts, windows } = await world.restore(20, 25);
    assert.deepEqual([counts.metrics, counts.backfilled, counts.pointsReplaced], [2, 2, 2 * (5 + 1)]);
    assert.deepEqual(
      windows?.map(({ metric, replaced, erased, kept }) => [metric, replaced, erased, kept]),
      [
        ['a', 6, 0, 0],
        ['b', 6, 0, 0],
      ],
    );
    const bad = [...Array(5).keys()].map((i) => [40 + i, -1] as const);
    assert.deepEqual(await valuesOf(await world.file()), new Map([...good(0, 40), ...bad, ...good(45, 50)]));
    assert.deepEqual(await world.file(), withBad(fileUntil(50), 40, 45));
    assert.equal((await world.restore(20, 25)).counts.unchanged, 2);
  });

  it('takes what the journal has after the backup, up to the date, and with erase removes the rest', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).make();
    await putRun(world.bucket, at(44), [[['a', 29, 44]]]);
    const { counts } = await world.restore(20, 45, { date: at(42) }, true);
    assert.deepEqual([counts.pointsReplayed, counts.failed], [14, 0]);
    // The point at the date is the last.
    assert.deepEqual(valuesOf(await world.file('a')), new Map([...good(0, 43), ...good(45, 50)]));
    assert.deepEqual(valuesOf(await world.file('b')), new Map([...good(0, 30), ...good(45, 50)]));
    assert.deepEqual(valuesOf(await world.file('b'), 1).get(35), undefined);
    assert.deepEqual(
      valuesOf(await world.file('b'), 1).get(45),
      good(45, 50).reduce((sum, [, value]) => sum + value, 0),
    );
  });

  it('shows in a dry run what it would do, with the window before and after, and changes nothing', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).make();
    const outcomes: MetricOutcome[] = [];
    const lines: string[] = [];
    const report = { log: (level: string, line: string) => void (level === 'info' && lines.push(line)), progress() {} };
    const watcher = { plotAbove: 0, add: (some: readonly MetricOutcome[]) => void outcomes.push(...some) };
    const summary = await world.restore(20, 45, { report, dryRun: true, metrics: 'a', watcher });
    assert.deepEqual(await world.file(), world.bad);
    assert.deepEqual(summary.counts.pointsReplaced, 6);
    assert.equal(summary.counts.pointsKept, 15 + 3);
    const expected =
      'a: would be changed in the window (0 points filled, 6 replaced, 0 erased, 18 kept, in all archives)';
    assert.ok(lines.includes(expected), lines.join('\n'));
    // All bad points stay.
    await world.restore(40, 45, { report, dryRun: true, metrics: 'b' });
    assert.ok(lines.includes('b: would be unchanged (0 points filled, 0 replaced, 0 erased, 6 kept, in all archives)'));
    await world.restore(-9999, -9998, { report, dryRun: true });
    assert.equal(lines.filter((line) => line.includes('would be')).length, 2);
    const [outcome] = outcomes;
    assert.ok(outcome?.metric === 'a' && outcome.outcome === 'filled');
    assert.equal(outcome.changes?.points, 6);
    assert.ok(outcome.changes.plot?.before.low.includes(-1) && !outcome.changes.plot.before.high.includes(25));
    assert.ok(outcome.changes?.plot?.after.high.includes(25));
  });

  it('stores the state before under a hold, with which a restore of the same window undoes it', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).make();
    world.bucket.time = at(51);
    await plantMetric(world.tree, 'c');
    await backUp(world.bucket.store, world.tree, { now: world.bucket.now, metrics: 'c' });
    const lines: string[] = [];
    const report = { log: (_: string, line: string) => lines.push(line), progress() {} };
    world.bucket.time = at(52);
    const { counts, hold } = await world.restore(20, 45, { machine, date: at(35), report }, true);
    assert.deepEqual([counts.stored, counts.backfilled], [2, 2]);
    assert.equal(hold, 'before-restore-2026-11-22T11:52:00+00:00');
    assert.notDeepEqual(await world.file(), world.bad);
    const [held] = await listHolds(world.bucket.store, { report: silent });
    const reason = /^the state before a restore of the window from \S+T11:20:00\S+ to \S+T11:45:00\S+ with --erase$/;
    assert.match((held && 'reason' in held && held.reason) || '', reason);
    const printed = lines.map((line) =>
      /to undo it: restore -m \* --date (\S+) --from (\S+) --until (\S+) --erase;/.exec(line),
    );
    const [, date, from, until] = printed.find((found) => found) ?? assert.fail(lines.join('\n'));
    assert.deepEqual([from, until], [at(20).toISOString(), at(45).toISOString()]);
    // Meanwhile a good point is written.
    const later = await world.file();
    updateMany(later, [{ timestamp: at(52).getTime() / 1000, value: 53 }], { now: at(52).getTime() / 1000 });
    await writeFile(`${world.tree}/a.wsp`, later);
    await world.restore(20, 45, { date: new Date(date ?? '') }, true);
    const bad = (minute: number) => [...Array(5).keys()].map((i) => [minute + i, -1] as const);
    const before = [...good(0, 20), ...bad(20), ...good(25, 40), ...bad(40), ...good(45, 50)];
    assert.deepEqual(valuesOf(await world.file('a')), new Map([...before, [52, 53]]));
    assert.deepEqual(valuesOf(await world.file('b')), new Map(before));
    assert.deepEqual(valuesOf(await world.file('b'), 1), valuesOf(world.bad, 1));
  });

  it('is undone under the new names if it had some, and other metrics do not change', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).make();
    world.bucket.time = at(51);
    await backUp(world.bucket.store, world.tree, { now: world.bucket.now, metrics: 'b' });
    await plantMetric(world.tree, 'new', world.bad);
    world.bucket.time = at(52);
    const lines: string[] = [];
    const report = { log: (_: string, line: string) => void lines.push(line), progress() {} };
    const rename = [{ from: 'a', to: 'new' }];
    const options = { machine, date: at(35), metrics: 'a', rename, report };
    const { counts } = await world.restore(20, 45, options, true);
    assert.deepEqual([counts.stored, counts.backfilled], [1, 1]);
    assert.notDeepEqual(await world.file('new'), world.bad);
    const [, date = ''] =
      /to undo it: restore -m \* --date (\S+) /.exec(lines.join('\n')) ?? assert.fail(lines.join('\n'));
    const undone = await world.restore(20, 45, { date: new Date(date) }, true);
    assert.deepEqual([undone.counts.metrics, undone.counts.backfilled], [1, 1]);
    assert.deepEqual(valuesOf(await world.file('new')), valuesOf(world.bad));
    for (const path of ['a', 'b']) assert.deepEqual(await world.file(path), world.bad);
  });

  it('names coarse slots at the edges whose finer points are not stored any more', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).make();
    world.bucket.time = new Date(at(50).getTime() + 5 * 3_600_000);
    const { counts, notes, windows } = await world.restore(22, 45);
    assert.equal(counts.slotsLeft, 2);
    assert.deepEqual(codesOf(notes), { a: 'SLOTS_LEFT', b: 'SLOTS_LEFT' });
    assert.match(
      notes[0]?.reason ?? '',
      /cannot be aggregated again .*: archive 1 \(300 s\) at 2026-11-22T11:20:00\+00:00$/,
    );
    assert.deepEqual(windows?.[0]?.left, [{ archive: 1, secondsPerPoint: 300, time: '2026-11-22T11:20:00+00:00' }]);
  });

  it('skips a metric without a local file, and names a damaged one', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).make();
    await world.bucket.backup('gone', at(31), fileUntil(30));
    await writeFile(`${world.tree}/b.wsp`, world.bad.subarray(0, 200));
    const { counts, skipped, failed } = await world.restore(20, 45);
    assert.deepEqual([counts.backfilled, counts.restored, counts.skipped], [1, 0, 1]);
    assert.deepEqual([codesOf(skipped), codesOf(failed)], [{ gone: 'VANISHED' }, { b: 'LOCAL_DAMAGED' }]);
    assert.match(failed[0]?.reason ?? '', /^Cannot restore a window of .*: use --replace-damaged without --from first/);
    const compressed = Buffer.alloc(4000);
    compressed.write('whisper_compressed');
    await writeFile(`${world.tree}/b.wsp`, compressed);
    const [refused] = (await world.restore(20, 45)).failed;
    assert.match(refused?.reason ?? '', /^Cannot restore a window of .*: use --overwrite without --from to replace/);
    await assert.rejects(world.file('gone'), { code: 'ENOENT' });
  });

  it('refuses options that replace whole files, and an end before the beginning, before it changes anything', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).make();
    for (const options of [
      { overwrite: true },
      { replaceDamaged: true },
      { merge: true },
      { schemaOf: () => assert.fail() },
    ])
      await assert.rejects(world.restore(20, 45, options), InvalidOptionError);
    await assert.rejects(
      world.restore(45, 45),
      /begins at 2026-11-22T11:45:00.000Z, not before its end .*--until must be/,
    );
    const rename = [{ from: 'a', to: 'b' }];
    await assert.rejects(world.restore(20, 45, { rename }), /a and b would both become b: .* --exclude$/);
    assert.deepEqual(await world.file(), world.bad);
  });

  it('works in threads, on a bucket on a disk with a journal, and in a dry run of it', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).make();
    const store = createDiskStore({ path: scratch.at('bucket') });
    const plantBoth = async (bytes: Uint8Array) => {
      for (const path of ['a', 'b']) await plantMetric(world.tree, path, bytes);
    };
    const clock = { now: world.bucket.now };
    world.bucket.time = at(31);
    await plantBoth(fileUntil(31));
    await backUp(store, world.tree, clock);
    world.bucket.time = at(50);
    await plantBoth(fileUntil(50));
    assert.equal(
      (await journalTree(store, world.tree, { ...clock, marks: { file: scratch.at('marks') } })).counts.journaled,
      2,
    );
    await plantBoth(world.bad);
    const options = { ...threadsOn(store), ...clock, machine, window: { from: at(20), until: at(45), erase: true } };
    const dry = await restoreTree(withDryRun(store), world.tree, { ...options, dryRun: true });
    assert.equal(dry.counts.pointsReplaced, 2 * 12);
    assert.deepEqual(await world.file(), world.bad);
    const summary = await restoreTree(store, world.tree, options);
    assert.deepEqual([summary.failed, summary.counts.pointsReplaced, summary.counts.stored], [[], 2 * 12, 2]);
    for (const path of ['a', 'b']) assert.deepEqual(await world.file(path), fileUntil(50));
    await store.close();
  });
});

describe('fillFile with a window', () => {
  it('replaces points inside, and erases those that the source does not have', async () => {
    await using scratch = await createScratch();
    const [source, file] = [scratch.at('source.wsp'), scratch.at('file.wsp')];
    await writeFile(source, fileUntil(43));
    const bad = withBad(withBad(fileUntil(50), 20, 25), 40, 45);
    await writeFile(file, bad);
    const options = { now: at(50).getTime() / 1000, window: { from: at(20), until: at(45), erase: true } };
    const dry = await fillFile(source, file, { ...options, dryRun: true });
    assert.deepEqual(await readFile(file), bad);
    assert.equal(dry.changes?.points, 12);
    const { window } = await fillFile(source, file, options);
    assert.deepEqual([window?.replaced, window?.erased, window?.kept], [5 + 3 + 2, 2, 0]);
    assert.deepEqual(valuesOf(await readFile(file)), new Map([...good(0, 43), ...good(45, 50)]));
  });
});
