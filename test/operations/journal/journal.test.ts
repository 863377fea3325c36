import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { codeOf } from '../../../lib/common/errors.ts';
import { silent } from '../../../lib/common/report.ts';
import type { Summary } from '../../../lib/common/summary.ts';
import { parseIndex } from '../../../lib/journal/index-file.ts';
import { addHold, releaseHold } from '../../../lib/operations/holds/holds.ts';
import { withDryRun } from '../../../lib/store/decorators/dry-run.ts';
import { createDiskStore } from '../../../lib/store/drivers/disk/disk.ts';
import { PermanentError } from '../../../lib/store/errors.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { createWhisper } from '../../../lib/whisper/create.ts';
import { update, updateMany } from '../../../lib/whisper/update.ts';
import { Bucket } from '../../fixtures/bucket.ts';
import { delegate } from '../../fixtures/delegate.ts';
import { putFullRun } from '../../fixtures/full-run.ts';
import { metricFile, plantMetric } from '../../fixtures/metric.ts';
import { backUp, codesOf, journalTree, threadsOn } from '../../fixtures/operations.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';

const MINUTE = 60_000;

/** A file written less than 2 s ago is read again: it may be written again without a change of its times. */
const SETTLED_MS = 2100;

/** A tree that was backed up at noon, with carbon's part played by `write`. */
class World {
  readonly bucket = new Bucket();
  readonly tree: string;
  readonly marks: { readonly file: string };

  constructor(scratch: Scratch) {
    this.tree = scratch.at('tree');
    this.marks = { file: scratch.at('cache', 'marks') };
  }

  get seconds(): number {
    return this.bucket.time.getTime() / 1000;
  }

  pass(minutes: number): void {
    this.bucket.time = new Date(this.bucket.time.getTime() + minutes * MINUTE);
  }

  /** Writes a file with one point, of noon. */
  async plant(path: string, seed = 1): Promise<void> {
    await plantMetric(this.tree, path, metricFile(seed, { known: 1 }));
  }

  async write(path: string, value: number, timestamp = this.seconds): Promise<void> {
    const file = `${this.tree}/${path}.wsp`;
    const bytes = new Uint8Array(await readFile(file));
    update(bytes, { value, timestamp, now: Math.max(timestamp, this.seconds) });
    await writeFile(file, bytes);
  }

  journal(options: Parameters<typeof journalTree>[2] = {}, store: ObjectStore = this.bucket.store): Promise<Summary> {
    return journalTree(store, this.tree, { now: this.bucket.now, marks: this.marks, ...options });
  }

  backup(): Promise<Summary> {
    return backUp(this.bucket.store, this.tree, { now: this.bucket.now });
  }

  async keys(): Promise<string[]> {
    return (await this.bucket.keys()).filter((key) => key.startsWith('.whisper-backup/journal/'));
  }

  /** The lines of all runs, in their order. */
  async lines(): Promise<string[]> {
    const { store } = this.bucket;
    const lines: string[] = [];
    for (const key of (await this.keys()).filter((name) => name.endsWith('index.json'))) {
      const { parts } = parseIndex(await store.get(key, { maxBytes: 1e6 }), key);
      for (const part of parts) {
        const body = await store.get(key.replace('index.json', part.name), { maxBytes: 1e6 });
        const text = gunzipSync(body);
        assert.equal(createHash('sha1').update(text).digest('hex'), part.sha1);
        const found = text.toString().split('\n').slice(0, -1);
        assert.deepEqual([part.bytes, part.size, part.lines], [text.length, body.length, found.length]);
        assert.deepEqual([part.first, part.last], [found[0]?.split(' ')[0], found.at(-1)?.split(' ')[0]]);
        lines.push(...found);
      }
    }
    return lines;
  }
}

describe('journal', () => {
  it('stores the points since the backup, then those since the last run, in key order', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    const noon = world.seconds;
    for (const path of ['b', 'a/x']) await world.plant(path);
    await world.backup();
    world.pass(2);
    await world.write('b', 1.5, noon + 60);
    await world.write('b', Number.NaN, noon + 120);
    await world.write('a/x', -0, noon + 120);
    const first = await world.journal();
    assert.deepEqual(first.failed, []);
    const { metrics, journaled, points, unchanged } = first.counts;
    assert.deepEqual([metrics, journaled, points, unchanged], [2, 2, 5, 0]);
    assert.deepEqual(first.journal, {
      ...{ from: '2026-11-22T12:00:00+00:00', until: '2026-11-22T12:02:00+00:00', parts: 1 },
    });
    const value = (seed: number) => Math.sin(seed);
    assert.deepEqual(await world.lines(), [
      `a.x ${value(1)} ${noon}`,
      `a.x -0 ${noon + 120}`,
      `b ${value(1)} ${noon}`,
      `b 1.5 ${noon + 60}`,
      `b nan ${noon + 120}`,
    ]);
    world.pass(1);
    await world.write('b', 2, noon + 180);
    const second = await world.journal();
    assert.deepEqual([second.counts.journaled, second.counts.points], [2, 3]);
    const lines = (await world.lines()).slice(5);
    assert.deepEqual(lines, [`a.x -0 ${noon + 120}`, `b nan ${noon + 120}`, `b 2 ${noon + 180}`]);
  });

  it('stores no run and opens no file if nothing was written', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    await world.plant('a');
    await world.backup();
    await sleep(SETTLED_MS);
    world.pass(1);
    await world.journal();
    const keys = await world.keys();
    world.pass(1);
    const { counts, journal, stopped } = await world.journal();
    assert.deepEqual([counts.unchanged, counts.bytesRead, journal, stopped], [1, 0, undefined, undefined]);
    assert.deepEqual(await world.keys(), keys);
  });

  it('stores nothing before the first backup, and says so', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    await world.plant('a');
    await world.bucket.store.open({ create: true });
    await assert.rejects(world.journal(), (error) => codeOf(error) === 'NO_BACKUP');
    assert.deepEqual(await world.bucket.keys(), []);
  });

  it('stores new and resized files whole, and continues with them', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    const noon = world.seconds;
    await world.plant('a');
    await world.backup();
    world.pass(1);
    await world.write('a', 1);
    await world.journal();
    world.pass(1);
    await world.plant('new');
    await writeFile(`${world.tree}/a.wsp`, createWhisper([{ secondsPerPoint: 60, points: 30 }]));
    await writeFile(`${world.tree}/damaged.wsp`, new Uint8Array(30));
    const second = await world.journal();
    assert.deepEqual([second.counts.stored, second.counts.journaled, second.journal], [2, 0, undefined]);
    assert.deepEqual(codesOf(second.failed), { damaged: 'WHISPER_DAMAGED' });
    world.pass(1);
    await world.write('new', 3);
    await world.write('a', 4);
    const third = await world.journal();
    assert.deepEqual([third.counts.stored, third.counts.journaled], [0, 2]);
    const lines = (await world.lines()).slice(2);
    assert.deepEqual(
      lines.filter((line) => line.endsWith(` ${noon + 180}`)),
      [`a 4 ${noon + 180}`, `new 3 ${noon + 180}`],
    );
  });

  it('does not store a file whole because it was replaced: retention would lose the backups of before', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    const noon = world.seconds;
    await world.plant('a');
    await world.backup();
    for (const minute of [1, 2, 3]) {
      world.pass(1);
      await world.write('a', minute);
      await copyFile(`${world.tree}/a.wsp`, `${world.tree}/copy`);
      await rename(`${world.tree}/copy`, `${world.tree}/a.wsp`);
      const { stored, journaled } = (await world.journal()).counts;
      assert.deepEqual([stored, journaled], [0, 1]);
    }
    const values = (await world.lines()).filter((line) => line.endsWith(`${noon + 180}`));
    assert.deepEqual(values, [`a 3 ${noon + 180}`]);
  });

  it('skips files in the format of go-carbon that have a backup', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    await world.plant('a');
    const compressed = new Uint8Array(4096);
    compressed.set(new TextEncoder().encode('whisper_compressed'));
    await plantMetric(world.tree, 'c', compressed);
    await world.backup();
    world.pass(1);
    await world.write('a', 1);
    const { counts, skipped } = await world.journal();
    assert.deepEqual([counts.stored, counts.journaled, codesOf(skipped)], [0, 1, { c: 'WHISPER_COMPRESSED' }]);
  });

  it('loses no point that carbon writes late', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    const noon = world.seconds;
    await world.plant('a');
    await world.backup();
    world.pass(10);
    await world.write('a', 1, noon + 60);
    await world.journal();
    world.pass(10);
    await world.write('a', 2, noon + 120);
    await world.journal();
    assert.ok((await world.lines()).includes(`a 2 ${noon + 120}`));
  });

  it('loses no point that carbon writes more than five minutes after the run has begun', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    const noon = world.seconds;
    await world.plant('a');
    await world.backup();
    world.pass(1);
    const { store } = world.bucket;
    const slow = delegate(store, {
      async *list(options) {
        if (options?.prefix === '') {
          for (; world.seconds < noon + 600; world.pass(1)) await world.write('a', world.seconds);
          await utimes(`${world.tree}/a.wsp`, world.seconds, world.seconds);
          await sleep(SETTLED_MS);
        }
        yield* store.list(options);
      },
    });
    await world.journal({}, slow);
    world.pass(30);
    await world.journal();
    assert.ok((await world.lines()).some((line) => line.endsWith(` ${noon + 540}`)));
  });

  it('loses no point that carbon had in its cache during the backup', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    const noon = world.seconds;
    await world.plant('a');
    world.pass(10);
    await world.backup();
    world.pass(1);
    for (const minute of [1, 2, 3]) await world.write('a', minute, noon + minute * 60);
    await world.journal();
    const lines = (await world.lines()).slice(1);
    assert.deepEqual(lines, [`a 1 ${noon + 60}`, `a 2 ${noon + 120}`, `a 3 ${noon + 180}`]);
  });

  it('starts at the newest backup again if its marks are lost', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    const noon = world.seconds;
    await world.plant('a');
    await world.backup();
    world.pass(1);
    await world.write('a', 1);
    await world.journal();
    await writeFile(world.marks.file, 'damaged');
    world.pass(1);
    await world.write('a', 2);
    await world.journal();
    const lines = await world.lines();
    assert.deepEqual(lines.slice(2), [...lines.slice(0, 2), `a 2 ${noon + 120}`]);
  });

  it('does not use the marks of another bucket', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    await world.plant('a');
    await world.backup();
    await backUp(world.bucket.store, world.tree, { now: world.bucket.now, storagePath: 'second' });
    world.pass(1);
    await world.write('a', 1);
    await world.journal();
    const { counts } = await world.journal({ storagePath: 'second' });
    assert.deepEqual([counts.journaled, counts.points], [1, 2]);
  });

  it('stores nothing and keeps no marks in a dry run', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    await world.plant('a');
    await world.backup();
    world.pass(1);
    await world.write('a', 1);
    await world.plant('new');
    const before = await world.bucket.keys();
    const dry = await world.journal({ dryRun: true }, withDryRun(world.bucket.store));
    assert.deepEqual([dry.counts.journaled, dry.counts.stored, dry.counts.points], [1, 1, 2]);
    assert.deepEqual(await world.bucket.keys(), before);
    assert.equal((await world.journal()).counts.points, 2);
  });

  it('keeps neither a run nor marks if it ends between the parts and the index', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    await world.plant('a');
    await world.backup();
    world.pass(1);
    await world.write('a', 1);
    const { store } = world.bucket;
    const dying = delegate(store, {
      async put(key, body, options) {
        if (key.endsWith('index.json')) throw new PermanentError('the host died');
        await store.put(key, body, options);
      },
    });
    await assert.rejects(world.journal({}, dying), PermanentError);
    const [orphan = '', ...others] = await world.keys();
    assert.match(orphan, /\/0001\.[0-9a-f]{40}\.lines\.gz$/);
    assert.deepEqual([others, await world.lines()], [[], []]);
    const { journal } = await world.journal();
    // The run that died has used its time.
    assert.equal(journal?.until, '2026-11-22T12:01:01+00:00');
    assert.equal((await world.lines()).length, 2);
  });

  it('stores the same with worker threads on a disk', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    for (let i = 100; i < 500; i++) await world.plant(`m${i}`, i);
    const store = createDiskStore({ path: scratch.at('bucket') });
    // Threads have the clock of the system.
    await backUp(store, world.tree, threadsOn(store));
    world.bucket.time = new Date(Math.ceil(Date.now() / MINUTE + 1) * MINUTE);
    for (let i = 100; i < 500; i++) await world.write(`m${i}`, i);
    await world.plant('new');
    const { counts, journal, failed } = await world.journal(threadsOn(store), store);
    assert.deepEqual([counts.journaled, counts.points, counts.stored, failed], [400, 400, 1, []]);
    const directory = scratch.at('bucket', '.whisper-backup', 'journal', journal?.until ?? '');
    const { parts } = parseIndex(await readFile(`${directory}/index.json`), 'it');
    const text = gunzipSync(await readFile(`${directory}/${parts[0]?.name}`)).toString();
    const newest = text.split('\n').filter((line) => line.endsWith(` ${world.seconds}`));
    assert.deepEqual(
      newest,
      Array.from({ length: 400 }, (_, i) => `m${i + 100} ${i + 100} ${world.seconds}`),
    );
    await store.close();
  });

  it('dates a run after all others, and stops if one is far ahead of the clock', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    await world.plant('a');
    await world.backup();
    world.pass(30);
    await world.write('a', 1);
    await world.journal();
    world.pass(-20);
    await world.write('a', 2);
    assert.equal((await world.journal()).journal?.until, '2026-11-22T12:30:01+00:00');
    world.pass(-90);
    await assert.rejects(world.journal(), (error) => codeOf(error) === 'JOURNAL_AHEAD');
  });

  it('reads few files at once that may have very many points', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    const file = createWhisper([{ secondsPerPoint: 1, points: 3000 }]);
    const point = (i: number) => ({ value: -Math.sin(i) / 1e9, timestamp: world.seconds + 1200 - i });
    updateMany(
      file,
      Array.from({ length: 3000 }, (_, i) => point(i)),
      { now: world.seconds + 1200 },
    );
    for (let i = 100; i < 120; i++) await plantMetric(world.tree, `m${i}`, file);
    await world.backup();
    world.pass(20);
    for (let i = 100; i < 120; i++) await world.write(`m${i}`, 1);
    const batches: number[] = [];
    let before = 0;
    const progress = ({ done }: { readonly done: number }) => {
      batches.push(done - before);
      before = done;
    };
    // Two batches at once have half of these bytes. A file has 120 KB of lines.
    const { counts } = await world.journal({ bytesInFlight: 2 ** 20, report: { ...silent, progress } });
    assert.deepEqual([counts.points, before], [20 * 3000, 20]);
    assert.ok(Math.max(...batches) <= 2, `${batches}`);
  });

  it('deletes runs after 8 days, if a full backup has succeeded since', async () => {
    await using scratch = await createScratch();
    const world = new World(scratch);
    const { store } = world.bucket;
    await world.plant('a');
    await world.backup();
    world.pass(1);
    await world.write('a', 1);
    await world.journal();
    const old = await world.keys();
    assert.equal(old.length, 2);
    world.pass(9 * 24 * 60);
    await world.write('a', 2);
    await world.journal();
    assert.deepEqual((await world.keys()).slice(0, 2), old);
    await world.backup();
    await putFullRun(world.bucket.store, world.bucket.time);
    world.pass(1);
    await world.write('a', 3);
    const dry = await world.journal({ dryRun: true }, withDryRun(store));
    assert.equal(dry.counts.deleted, 2);
    assert.deepEqual((await world.keys()).slice(0, 2), old);
    // A hold keeps the runs that a restore to its date needs.
    const hold = { report: silent, now: world.bucket.now, name: 'incident' };
    await addHold(store, { ...hold, date: new Date('2026-11-22T12:05:00Z') });
    await store.put('.whisper-backup/holds/damaged.json', new Uint8Array());
    assert.equal((await world.journal()).stopped?.code, 'HOLD_UNREADABLE');
    await releaseHold(store, { ...hold, name: 'damaged' });
    world.pass(1);
    await world.write('a', 4);
    assert.equal((await world.journal()).counts.deleted, 0);
    assert.deepEqual((await world.keys()).slice(0, 2), old);
    await releaseHold(store, hold);
    world.pass(1);
    await world.write('a', 5);
    const { counts } = await world.journal();
    assert.equal(counts.deleted, 2);
    assert.ok(!(await world.keys()).some((key) => old.includes(key)));
    assert.equal((await world.keys()).length, 8);
  });
});
