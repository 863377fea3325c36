import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { silent } from '../../lib/common/report.ts';
import { formatTimestamp } from '../../lib/common/timestamp.ts';
import { type DrillOptions, drill } from '../../lib/operations/drill/drill.ts';
import type { DrillSummary } from '../../lib/operations/drill/report.ts';
import { checkSpace } from '../../lib/operations/drill/scratch-tree.ts';
import { isInPart } from '../../lib/operations/shared/part.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { lockByPython } from '../fixtures/locker.ts';
import { backUp, codesOf, journalTree } from '../fixtures/operations.ts';
import { writeWithPython } from '../fixtures/python-tree.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { sh } from '../fixtures/sh.ts';
import { contents, plant, readTree } from '../fixtures/tree.ts';
import { keysOf } from '../store/collect.ts';

/** A whole multiple of five minutes ago, so that no interval is incomplete. */
const NOW = Math.floor(Date.now() / 300_000) * 300 - 300;

/** One for each minute of the span. */
function points(from: number, until: number, seed = 1): [number, number][] {
  const found: [number, number][] = [];
  for (let at = from; at <= until; at += 60) found.push([at, seed + at / 60]);
  return found;
}

describe('a drill', () => {
  let scratch: Scratch;
  let store: ObjectStore;
  let prefix = '';
  const names = Array.from({ length: 12 }, (_, i) => `servers/web${i % 3}/m${i}`);

  beforeEach(async () => {
    scratch = await createScratch();
    prefix = scratch.at('tree');
    store = createDiskStore({ path: scratch.at('bucket') });
    const files = names.map((path, i) => ({ path, points: points(NOW - 7200, NOW, i) }));
    writeWithPython(prefix, files);
    await backUp(store, prefix);
  });
  afterEach(() => scratch[Symbol.asyncDispose]());

  function run(options: Partial<DrillOptions> = {}): Promise<DrillSummary> {
    const common = { report: silent, processes: 0, fileLockTimeout: 0.2 };
    return drill(store, { ...common, prefix, scratch: scratch.at('space'), ...options });
  }

  it('restores everything, finds no difference, and leaves tree, bucket and scratch space unchanged', async () => {
    const before = contents(await readTree(scratch.path));
    const { counts, damaged, drill: drilled, failed } = await run();
    assert.deepEqual([failed, damaged], [[], []]);
    const { metrics, restored, same, differing } = counts;
    assert.deepEqual({ metrics, restored, same, differing }, { metrics: 12, restored: 12, same: 12, differing: 0 });
    assert.deepEqual([drilled?.rpo?.maxSeconds, drilled?.rpo?.medianSeconds, drilled?.rpo?.metrics], [0, 0, 12]);
    assert.deepEqual(contents(await readTree(scratch.path)), before);
    await assert.rejects(readdir(scratch.at('space')), /ENOENT/);
  });

  it('measures the RPO from points: those that carbon has written since the newest stored one', async () => {
    writeWithPython(prefix, [
      ...names.slice(0, 8).map((path) => ({ path, points: points(NOW + 60, NOW + 120) })),
      { path: 'servers/web2/m11', points: points(NOW + 60, NOW + 240) },
    ]);
    const { counts, drill: drilled } = await run();
    assert.equal(counts['differing'], 0);
    const { maxSeconds, medianSeconds, worst } = drilled?.rpo ?? {};
    assert.deepEqual([maxSeconds, medianSeconds, worst], [240, 120, 'servers.web2.m11']);
  });

  it('restores the journal, too, and reports how old the newest restored data is', async () => {
    const at = (seconds: number) => () => new Date((NOW + seconds) * 1000);
    const now = at(300);
    store = createDiskStore({ path: scratch.at('earlier') });
    await backUp(store, prefix, { now: at(0) });
    const [first = '', ...others] = names;
    writeWithPython(prefix, [
      { path: first, points: points(NOW + 60, NOW + 180) },
      ...others.map((path) => ({ path, points: points(NOW + 60, NOW + 120) })),
    ]);
    assert.equal((await journalTree(store, prefix, { now: at(200) })).counts.journaled, 12);
    writeWithPython(prefix, [{ path: first, points: points(NOW + 240, NOW + 240) }]);
    const { counts, drill: drilled, failed } = await run({ now });
    assert.deepEqual([failed, counts.differing, counts.same], [[], 0, 12]);
    assert.ok((counts.pointsReplayed ?? 0) >= 2 * 12 + 1, JSON.stringify(counts));
    assert.deepEqual([drilled.rpo?.maxSeconds, drilled.rpo?.medianSeconds], [60, 0]);
    const time = formatTimestamp(new Date((NOW + 180) * 1000));
    assert.deepEqual(drilled.newest, { from: 'journal', time, ageSeconds: 120 });

    const without = await run({ now, journal: false });
    assert.deepEqual([without.drill.rpo?.maxSeconds, without.drill.newest?.from], [240, 'backup']);
    assert.equal(without.drill.newest?.ageSeconds, 300);

    const keys = await keysOf(store);
    await store.delete(keys.filter((key) => key.includes('.lines.')));
    const damaged = await run({ now });
    assert.deepEqual([damaged.counts.failed, damaged.counts.damaged, damaged.counts.differing], [1, 0, 0]);
    assert.match(damaged.failed[0]?.metric ?? '', /\.lines\.gz$/);
  });

  it('does not count points written after its start', async () => {
    writeWithPython(prefix, [{ path: 'servers/web0/m0', points: points(NOW + 60, NOW + 240) }]);
    const { drill: drilled } = await run({ now: () => new Date((NOW + 120) * 1000) });
    assert.equal(drilled?.rpo?.maxSeconds, 120);
  });

  it('counts the whole range of a metric of which only the empty file is stored', async () => {
    writeWithPython(prefix, [{ path: 'young', points: [] }]);
    await backUp(store, prefix);
    writeWithPython(prefix, [{ path: 'young', points: points(NOW - 600, NOW) }]);
    const { maxSeconds, worst } = (await run()).drill?.rpo ?? {};
    assert.deepEqual([maxSeconds, worst], [600, 'young']);
  });

  it('reports points that differ, except in the interval that was incomplete at the backup', async () => {
    const changed = NOW - 1800;
    writeWithPython(prefix, [
      {
        path: 'servers/web0/m0',
        points: [
          [changed, 42],
          [NOW, 1],
        ],
      },
      { path: 'servers/web1/m1', points: [[NOW, 99]] },
    ]);
    const { counts, drill: drilled } = await run();
    assert.equal(counts['differing'], 1);
    const found = drilled?.differing.map(({ metric, step, timestamp }) => [metric, step, timestamp]);
    assert.deepEqual(found, [
      ['servers.web0.m0', 60, changed],
      ['servers.web0.m0', 300, changed - (changed % 300)],
    ]);
    assert.deepEqual([drilled?.differing[0]?.live, drilled?.differing[0]?.restored], [42, changed / 60]);
    assert.equal(counts['differingPoints'], 2);
  });

  it('does not report an aggregate that has changed because of late points', async () => {
    const from = NOW - 1500;
    // Three of five are enough for an aggregate.
    const gap = points(NOW - 3000, NOW).filter(([at]) => at < from + 60 || at > from + 120);
    writeWithPython(prefix, [{ path: 'late', points: gap }]);
    await backUp(store, prefix);
    writeWithPython(prefix, [{ path: 'late', points: points(from + 60, from + 120, 500) }]);
    const { counts, drill: drilled } = await run();
    assert.deepEqual([counts['differing'], drilled?.differing], [0, []]);
    writeWithPython(prefix, [{ path: 'late', points: [[from, 4711]] }]);
    const found = (await run()).drill?.differing.map(({ step, timestamp }) => [step, timestamp]);
    assert.deepEqual(found, [[60, from]]);
  });

  it('reports at most 20 differing points, and counts them all', async () => {
    writeWithPython(prefix, [{ path: 'servers/web0/m0', points: points(NOW - 3000, NOW - 600, 777) }]);
    const { counts, drill: drilled } = await run();
    assert.equal(drilled?.differing.length, 20);
    assert.ok((counts['differingPoints'] ?? 0) > 40);
  });

  it('reports metrics on one side only', async () => {
    await rm(join(prefix, 'servers/web0/m0.wsp'));
    writeWithPython(prefix, [{ path: 'new', points: points(NOW - 600, NOW) }]);
    const { counts, notes, failed } = await run();
    assert.deepEqual(codesOf(notes), { new: 'NEVER_STORED', 'servers.web0.m0': 'GONE' });
    assert.deepEqual([counts['gone'], counts['neverStored'], counts['same'], failed], [1, 1, 11, []]);
  });

  it('has each metric in one of the parts, the same as verify, and estimates the whole bucket', async () => {
    let metrics = 0;
    for (const number of [1, 2, 3]) {
      const part = { number, of: 3 };
      const { counts, drill: drilled } = await run({ part });
      const expected = names.filter((path) => isInPart(path.replaceAll('/', '.'), part)).length;
      assert.deepEqual([counts['metrics'], drilled?.sample], [expected, part]);
      assert.deepEqual([drilled?.rto.metrics, drilled?.estimate?.metrics], [expected, 12]);
      const { secondsByMetrics = 0 } = drilled?.estimate ?? {};
      const { seconds = 0 } = drilled?.rto ?? {};
      assert.ok(Math.abs(secondsByMetrics - (seconds * 12) / expected) < 1e-9);
      metrics += expected;
    }
    assert.equal(metrics, 12);
  });

  it('estimates the whole bucket when the glob covers a part of it', async () => {
    const { counts, drill: drilled } = await run({ metrics: 'servers.web1.*' });
    assert.deepEqual([counts['restored'], drilled?.estimate?.metrics], [4, 12]);
    assert.ok((drilled?.estimate?.bytes ?? 0) > (drilled?.rto.bytesFetched ?? 0));
  });

  it('reports a damaged backup, and what a restore could use instead', async () => {
    const directory = scratch.at('bucket', 'servers.web0.m0');
    const [first = ''] = await readdir(directory);
    writeWithPython(prefix, [{ path: 'servers/web0/m0', points: points(NOW + 60, NOW + 60) }]);
    await backUp(store, prefix);
    const newest = (await readdir(directory)).sort().at(-1) ?? '';
    assert.notEqual(newest, first);
    await truncate(join(directory, newest), 40);
    const { counts, damaged, failed } = await run();
    assert.deepEqual(failed, []);
    assert.deepEqual(
      damaged?.map(({ metric, key, instead }) => [metric, key, instead]),
      [['servers.web0.m0', `servers.web0.m0/${newest}`, { key: `servers.web0.m0/${first}`, read: false }]],
    );
    assert.deepEqual([counts['damaged'], counts['restored'], counts['same']], [1, 11, 11]);
  });

  it("compares NaN as a value, and skips go-carbon's compressed files", async () => {
    writeWithPython(prefix, [
      {
        path: 'nan',
        points: [
          [NOW - 600, Number.NaN],
          [NOW, 1],
        ],
      },
    ]);
    await plant(prefix, 'compressed.wsp', new TextEncoder().encode('whisper_compressed and more'));
    await backUp(store, prefix);
    const { counts, failed, skipped } = await run();
    assert.deepEqual([failed, counts['differing'], counts['same']], [[], 0, 13]);
    assert.deepEqual(codesOf(skipped), { compressed: 'WHISPER_COMPRESSED' });
  });

  it('rejects a sample that does not fit, with the space that it needs', async () => {
    await assert.rejects(checkSpace(scratch.path, 2 ** 62), {
      code: 'NO_SPACE',
      message: /needs about .*EiB.* --sample/,
    });
    await checkSpace(scratch.path, 1);
  });

  it('counts a damaged or locked live file as failed, and continues', async () => {
    await writeFile(join(prefix, 'servers/web0/m0.wsp'), 'junk');
    const lock = await lockByPython(join(prefix, 'servers/web1/m1.wsp'), 'LOCK_EX', 'rb+');
    try {
      const { counts, damaged, failed } = await run();
      assert.deepEqual(codesOf(failed), { 'servers.web0.m0': 'LOCAL_DAMAGED', 'servers.web1.m1': 'LOCK_TIMEOUT' });
      assert.deepEqual([damaged, counts['same']], [[], 10]);
    } finally {
      await lock.release();
    }
  });

  it('keeps the restored tree on request', async () => {
    const { drill: drilled } = await run({ keep: true });
    assert.equal(drilled?.kept, scratch.at('space', 'whisper'));
    assert.deepEqual(contents(await readTree(scratch.at('space', 'whisper'))), contents(await readTree(prefix)));
  });

  it('cleans up after a failure, and keeps an existing directory', async () => {
    await mkdir(scratch.at('space'));
    const stop = new AbortController();
    const report = { log() {}, progress: () => stop.abort(new Error('enough')) };
    await assert.rejects(run({ report, signal: stop.signal }), /enough/);
    assert.deepEqual(await readdir(scratch.at('space')), []);
  });

  it('rejects scratch space inside the tree, under any name, or not empty, and changes nothing', async () => {
    await symlink(prefix, scratch.at('link'));
    await mkdir(scratch.at('full'));
    await writeFile(scratch.at('full', 'mine'), '');
    const before = await readdir(scratch.path, { recursive: true });
    for (const space of [prefix, join(prefix, 'servers'), join(prefix, 'new'), scratch.at('link', 'new')])
      await assert.rejects(run({ scratch: space }), { code: 'INVALID_OPTION', message: /is inside the live tree/ });
    await assert.rejects(run({ scratch: scratch.at('full') }), { code: 'INVALID_OPTION', message: /is not empty/ });
    assert.deepEqual((await readdir(scratch.path, { recursive: true })).sort(), before.sort());
  });

  it('reports unusable scratch space with the remedy', async () => {
    await writeFile(scratch.at('file'), '');
    await symlink('loop', scratch.at('loop'));
    for (const space of [
      scratch.at('missing', 'space'),
      scratch.at('file'),
      scratch.at('file', 'space'),
      scratch.at('loop'),
    ])
      for (const dryRun of [false, true])
        await assert.rejects(run({ scratch: space, dryRun }), {
          code: 'SCRATCH',
          message: new RegExp(`^Cannot drill: 'scratch' \\(${space}\\) cannot be used: .*: choose a new directory`),
        });
  });

  it('rejects scratch space inside the tree through a bind mount or a link of the tree', async () => {
    const before = await readdir(prefix, { recursive: true });
    await mkdir(scratch.at('bound'));
    sh`mount --bind ${join(prefix, 'servers')} ${scratch.at('bound')}`;
    try {
      await assert.rejects(run({ scratch: scratch.at('bound', 'space') }), {
        code: 'INVALID_OPTION',
        message: /bound\/space.* is inside the live tree, at .*\/servers\/space\/whisper: choose a directory elsewhere/,
      });
    } finally {
      sh`umount ${scratch.at('bound')}`;
    }
    await mkdir(scratch.at('disk2'));
    await symlink(scratch.at('disk2'), join(prefix, 'linked'));
    await assert.rejects(run({ scratch: scratch.at('disk2', 'space') }), /is inside the live tree, at .*linked/);
    assert.deepEqual(await readdir(scratch.at('disk2')), []);
    await rm(join(prefix, 'linked'));
    assert.deepEqual((await readdir(prefix, { recursive: true })).sort(), before.sort());
  });

  it('writes nothing in a dry run, but reports what it would restore', async () => {
    const { counts, drill: drilled } = await run({ dryRun: true });
    await assert.rejects(readdir(scratch.at('space')), /ENOENT/);
    assert.equal((await run({ dryRun: true, scratch: await scratch.directory('space') })).counts['metrics'], 12);
    assert.deepEqual(await readdir(scratch.at('space')), []);
    assert.deepEqual([counts['metrics'], counts['restored'], drilled?.rpo, drilled?.estimate], [12, 0, null, null]);
  });

  it('fails if nothing matched, or if there is no tree to compare with', async () => {
    assert.equal((await run({ metrics: 'none' })).stopped?.code, 'NOTHING_MATCHED');
    await assert.rejects(run({ prefix: scratch.at('missing') }), { code: 'TREE_MISSING' });
    assert.ok((await readFile(join(prefix, `${names[0]}.wsp`))).length > 0);
  });
});
