import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { journalKey } from '../../../lib/bucket/layout.ts';
import { silent } from '../../../lib/common/report.ts';
import type { Summary } from '../../../lib/common/summary.ts';
import { addHold, releaseHold } from '../../../lib/operations/holds/holds.ts';
import { type PruneOptions, prune } from '../../../lib/operations/prune/prune-bucket.ts';
import { withDryRun } from '../../../lib/store/decorators/dry-run.ts';
import { withoutDeletes } from '../../../lib/store/decorators/no-deletes.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { update } from '../../../lib/whisper/update.ts';
import { Bucket } from '../../fixtures/bucket.ts';
import { fullRunAt, putFullRun } from '../../fixtures/full-run.ts';
import { metricFile, plantMetric } from '../../fixtures/metric.ts';
import { backUp, journalTree, restoreTree } from '../../fixtures/operations.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';
import { contents, readTree } from '../../fixtures/tree.ts';

/** What expires the journal of the host. */
type Way = 'journal' | 'prune' | 'never';

const DAY = 86_400_000;

type Options = Parameters<typeof journalTree>[2];

/** A host whose clock starts now: the times of its files are compared with those of backups. */
class Host {
  readonly bucket = new Bucket();
  readonly tree: string;
  readonly #scratch: Scratch;
  readonly #way: Way;
  /** As the host has it. */
  readonly #store: ObjectStore;

  constructor(scratch: Scratch, way: Way) {
    this.#scratch = scratch;
    this.#way = way;
    this.#store = way !== 'journal' ? withoutDeletes(this.bucket.store) : this.bucket.store;
    this.tree = scratch.at('live');
    this.bucket.time = new Date(Math.floor(Date.now() / 1000) * 1000);
  }

  /** Writes a point to each file after some minutes. */
  async write(minutes: number, ...paths: string[]): Promise<void> {
    this.bucket.time = new Date(this.bucket.time.getTime() + minutes * 60_000);
    const now = this.bucket.time.getTime() / 1000;
    for (const path of paths) {
      const bytes = new Uint8Array(await readFile(`${this.tree}/${path}.wsp`));
      update(bytes, { value: now % 1000, timestamp: now, now });
      await writeFile(`${this.tree}/${path}.wsp`, bytes);
    }
  }

  async plant(...paths: string[]): Promise<void> {
    for (const path of paths) await plantMetric(this.tree, path, metricFile(1, { known: 1 }));
  }

  /** Makes a backup, and the record of a full one. */
  async backup(options: Parameters<typeof backUp>[2] = {}): Promise<void> {
    const { now } = this.bucket;
    const store = this.#store;
    await backUp(store, this.tree, { now, ...options });
    await putFullRun(store, now());
  }

  async journal(options: Options = {}): Promise<void> {
    const marks = { file: this.#scratch.at('cache', 'marks') };
    const { now } = this.bucket;
    const { failed } = await journalTree(this.#store, this.tree, { now, marks, ...options });
    assert.deepEqual(failed, []);
    if (this.#way === 'prune') await this.prune();
  }

  async prune(options: Partial<PruneOptions> = {}): Promise<Summary> {
    const { now, store } = this.bucket;
    return prune(store, { report: silent, now, purge: 14, purgeShare: 100, ...options });
  }

  /** Each day a point, a backup, a point and a run. */
  async days(days: number, path: string, { backup = {}, journal = {} } = {}): Promise<void> {
    for (let day = 0; day < days; day++) {
      await this.write(24 * 60 - 1, path);
      await this.backup(backup);
      await this.write(1, path);
      await this.journal(journal);
    }
  }

  /** The runs, the oldest first. */
  async runs(): Promise<string[]> {
    const keys = await this.bucket.keys('.whisper-backup/journal/');
    return keys.filter((key) => key.endsWith('/index.json'));
  }

  async restored(name: string): Promise<Record<string, string>> {
    const tree = this.#scratch.at('restored');
    await rm(tree, { recursive: true, force: true });
    const { now, store } = this.bucket;
    assert.deepEqual((await restoreTree(store, tree, { now, metrics: name })).failed, []);
    return contents(await readTree(tree));
  }
}

for (const way of ['journal', 'prune'] as const)
  describe(`the expiry of the journal by ${way}`, () => {
    it('deletes runs after 8 days where the configuration excludes some metrics', async () => {
      await using scratch = await createScratch();
      const host = new Host(scratch, way);
      await host.plant('a', 'carbon');
      const exclude = ['carbon'];
      await host.backup({ exclude });
      await host.days(11, 'a', { backup: { exclude }, journal: { exclude, partial: false } });
      assert.equal((await host.runs()).length, 9);
    });

    it('keeps no run for a metric whose last points are in its newest backup', async () => {
      await using scratch = await createScratch();
      const host = new Host(scratch, way);
      await host.plant('a', 'dead');
      await host.backup();
      await host.write(1, 'a', 'dead');
      await host.journal();
      await host.write(60, 'a', 'dead');
      // A file written just now is read again.
      await sleep(2100);
      await host.backup();
      await host.write(1, 'a');
      // Stores the point of the mark once more.
      await host.journal();
      await host.days(11, 'a');
      assert.equal((await host.runs()).length, 9);
    });

    it('keeps the runs from a backup on up to the last one with points of its metric', async () => {
      await using scratch = await createScratch();
      const host = new Host(scratch, way);
      await host.plant('a', 'bad');
      await host.backup();
      await host.write(1, 'a', 'bad');
      await host.journal();
      await host.write(1, 'a', 'bad');
      await host.journal();
      const needed = await host.runs();
      const live = contents(await readTree(host.tree));
      // Its later backups fail.
      await host.days(11, 'a', { backup: { exclude: ['bad'] } });
      const left = await host.runs();
      assert.deepEqual([left.slice(0, 2), left.length], [needed, 2 + 9]);
      assert.deepEqual(await host.restored('bad'), { 'bad.wsp': live['bad.wsp'] });
      await host.backup();
      await host.write(1, 'a');
      await host.journal({ metrics: 'a' });
      assert.deepEqual((await host.runs()).slice(0, 2), needed, 'a run of some metrics does not know the others');
      await host.journal();
      // Prune also does what the run of the day before says.
      if (way === 'prune') await host.days(2, 'a');
      assert.ok(!(await host.runs()).some((run) => needed.includes(run)));
    });

    it('keeps the runs that a deleted metric needs until its backups go', async () => {
      await using scratch = await createScratch();
      const host = new Host(scratch, way);
      await host.plant('a', 'gone');
      await host.backup();
      for (const minutes of [1, 2]) {
        await host.write(minutes, 'a', 'gone');
        await host.journal();
      }
      const needed = await host.runs();
      const live = contents(await readTree(host.tree));
      await rm(`${host.tree}/gone.wsp`);
      const options = { backup: { purge: 14, purgeShare: 100 } };
      await host.days(11, 'a', options);
      assert.deepEqual((await host.runs()).slice(0, 2), needed);
      assert.deepEqual(await host.restored('gone'), { 'gone.wsp': live['gone.wsp'] });
      await host.days(way === 'prune' ? 9 : 5, 'a', options);
      assert.equal((await host.runs()).length, 9);
    });
  });

describe('prune', () => {
  const put = (host: Host, key: string, body: Uint8Array = new Uint8Array()) =>
    host.bucket.put(key, host.bucket.time, body);
  const putRun = (host: Host) => {
    const { key, body } = fullRunAt(host.bucket.time);
    return put(host, key, body);
  };
  const journalKeyOf = (host: Host, days: number, name: string) =>
    journalKey('', new Date(host.bucket.time.getTime() + days * DAY), name);

  /** A host that must not delete, and whose journal was never pruned. */
  async function unpruned(scratch: Scratch): Promise<Host> {
    const host = new Host(scratch, 'never');
    await host.plant('a');
    await host.backup();
    await host.days(12, 'a');
    assert.equal((await host.runs()).length, 12);
    return host;
  }

  it('deletes old runs of the journal, their parts too, in a dry run none, and with -m none', async () => {
    await using scratch = await createScratch();
    const host = await unpruned(scratch);
    const before = await host.bucket.keys();
    const dry = await prune(withDryRun(host.bucket.store), { report: silent, now: host.bucket.now, dryRun: true });
    assert.equal((await host.prune({ metrics: 'a' })).counts['retired'], 8);
    const runs = await host.bucket.keys('.whisper-backup/journal/');
    assert.equal((await host.prune({ journalKeep: 30 })).counts['deleted'], 0);
    const { counts, failed } = await host.prune();
    assert.deepEqual([failed, dry.counts['deleted'], counts['deleted']], [[], 8 + 2 * 3, 2 * 3]);
    assert.deepEqual(await host.bucket.keys('.whisper-backup/journal/'), runs.slice(6));
    assert.ok(before.length > runs.length);
  });

  it('keeps the journal that a hold needs, or whose needs or last full backup are not known', async () => {
    await using scratch = await createScratch();
    const host = await unpruned(scratch);
    const { now, store } = host.bucket;
    const hold = { report: silent, now, name: 'x', date: new Date(now().getTime() - 10.9 * DAY) };
    await addHold(store, hold);
    const runs = await host.runs();
    await host.prune();
    assert.ok((await host.runs()).includes(runs[0] ?? ''));
    await releaseHold(store, hold);
    await store.delete(await host.bucket.keys('.whisper-backup/runs/'));
    const left = await host.runs();
    await host.prune();
    assert.deepEqual(await host.runs(), left);
    await putRun(host);
    // Written by an older release.
    const newest = runs.at(-1) ?? '';
    const index = JSON.parse(new TextDecoder().decode(await store.get(newest, { maxBytes: 1e6 })));
    const { needed, ...older } = index;
    assert.ok(Array.isArray(needed));
    await put(host, newest, new TextEncoder().encode(JSON.stringify(older)));
    await host.prune();
    assert.deepEqual(await host.runs(), left);
    // What one says does not concern later ones, which are all old in 20 days.
    await put(host, newest);
    await host.prune();
    assert.equal((await host.runs()).length, 9);
    host.bucket.time = new Date(host.bucket.time.getTime() + 20 * DAY);
    await putRun(host);
    await host.prune();
    assert.deepEqual(await host.runs(), runs.slice(-2));
  });

  it('keeps the runs that the newest backups need, whatever the host has written today about that', async () => {
    await using scratch = await createScratch();
    const host = new Host(scratch, 'never');
    await host.plant('a', 'bad');
    await host.backup();
    for (const _ of [1, 2]) {
      await host.write(1, 'a', 'bad');
      await host.journal();
    }
    const needed = await host.runs();
    await host.days(11, 'a', { backup: { exclude: ['bad'] } });
    const { store } = host.bucket;
    const forge = async (key: string) => {
      const index = JSON.parse(new TextDecoder().decode(await store.get(key, { maxBytes: 1e6 })));
      assert.equal(index.needed.length, 1);
      await put(host, key, new TextEncoder().encode(JSON.stringify({ ...index, needed: [] })));
    };
    const runs = await host.runs();
    await forge(runs.at(-1) ?? '');
    await host.prune();
    const left = await host.runs();
    assert.deepEqual([left.slice(0, 2), left.length], [needed, 2 + 9]);
    // Then none is left to be believed.
    for (const key of left.slice(0, -1)) await forge(key);
    const { counts } = await host.prune({ journalKeep: 0 });
    assert.deepEqual([counts['deleted'], await host.runs()], [0, left]);
  });

  it('deletes no run of the journal because others have false dates, and reports those', async () => {
    for (const days of [-20, -2.5, -400, -20_000, 0.9, 3, 400, 100_000]) {
      await using scratch = await createScratch();
      const host = await unpruned(scratch);
      const runs = await host.runs();
      for (const name of ['0001.lines', 'index.json']) await put(host, journalKeyOf(host, days, name));
      const { counts, failed, stopped } = await host.prune();
      assert.deepEqual(
        [stopped, counts['contradictions'] ?? 0, failed.length],
        [undefined, ...(days === 0.9 ? [0, 0] : [1, 1])],
      );
      const left = await host.runs();
      assert.deepEqual(
        left.filter((key) => runs.includes(key)),
        runs.slice(3),
        `${days} days`,
      );
      assert.equal(left.length, 10, `${days} days: ${left}`);
      host.bucket.time = new Date(host.bucket.time.getTime() + 30 * DAY);
      await host.prune();
      const last = (await host.runs()).filter((key) => runs.includes(key));
      assert.deepEqual(last, runs.slice(-1), 'the run after the last full backup');
    }
  });
});
