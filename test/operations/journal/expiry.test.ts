import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatRunRecord } from '../../../lib/monitoring/run-record.ts';
import { update } from '../../../lib/whisper/update.ts';
import { Bucket } from '../../fixtures/bucket.ts';
import { metricFile, plantMetric } from '../../fixtures/metric.ts';
import { backUp, journalTree, machine, restoreTree } from '../../fixtures/operations.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';
import { contents, readTree } from '../../fixtures/tree.ts';

type Options = Parameters<typeof journalTree>[2];

/** A host whose clock starts now: the times of its files are compared with those of backups. */
class Host {
  readonly bucket = new Bucket();
  readonly tree: string;
  readonly #scratch: Scratch;

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
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
    const { now, store } = this.bucket;
    await backUp(store, this.tree, { now, ...options });
    const time = now().toISOString();
    const record = { program: '1', host: 'web01', machine: machine.id, started: time, finished: time };
    const text = formatRunRecord({ ...record, command: 'backup', seconds: 1, exitCode: 0, interval: 86_400 });
    await store.put(`.whisper-backup/runs/${time.slice(0, 19)}+00:00.json`, new TextEncoder().encode(text));
  }

  async journal(options: Options = {}): Promise<void> {
    const marks = { file: this.#scratch.at('cache', 'marks') };
    const { failed } = await journalTree(this.bucket.store, this.tree, { now: this.bucket.now, marks, ...options });
    assert.deepEqual(failed, []);
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

describe('the expiry of the journal', () => {
  it('deletes runs after 8 days where the configuration excludes some metrics', async () => {
    await using scratch = await createScratch();
    const host = new Host(scratch);
    await host.plant('a', 'carbon');
    const exclude = ['carbon'];
    await host.backup({ exclude });
    await host.days(11, 'a', { backup: { exclude }, journal: { exclude, partial: false } });
    assert.equal((await host.runs()).length, 9);
  });

  it('keeps no run for a metric whose last points are in its newest backup', async () => {
    await using scratch = await createScratch();
    const host = new Host(scratch);
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
    const host = new Host(scratch);
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
    assert.ok(!(await host.runs()).some((run) => needed.includes(run)));
  });

  it('keeps the runs that a deleted metric needs until its backups go', async () => {
    await using scratch = await createScratch();
    const host = new Host(scratch);
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
    await host.days(5, 'a', options);
    assert.equal((await host.runs()).length, 9);
  });
});
