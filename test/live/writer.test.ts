import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { fillFile } from '../../lib/operations/restore/fill-file.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { backUp, listAll, restoreTree, threadsOn, verifyAll } from '../fixtures/operations.ts';
import { reportReliability } from '../fixtures/reliability.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { plant } from '../fixtures/tree.ts';
import { baseOf, donor, NUMBERS, readCounted } from './counted.ts';
import { startWriter } from './writer.ts';

const FILES = 40;

/** Of each phase. */
const SECONDS = 'Deno' in globalThis ? 2.5 : 10;

/** A tree and a bucket of donors, with other points each time. */
class Donors {
  readonly #scratch: Scratch;
  readonly #base: number;
  #count = 0;

  constructor(scratch: Scratch, base: number) {
    this.#scratch = scratch;
    this.#base = base;
  }

  /** @returns the prefix of the next tree. */
  async tree(): Promise<string> {
    const part = this.#count++;
    const prefix = this.#scratch.at('donors', String(part));
    for (let file = 0; file < FILES; file++) await plant(prefix, nameOf(file), donor(file, this.#base, part));
    return prefix;
  }

  async bucket() {
    const prefix = await this.tree();
    const store = createDiskStore({ path: `${prefix}.bucket` });
    await backUp(store, prefix);
    return store;
  }
}

describe('a writer that updates Whisper files with locks, as fast as it can', () => {
  it('is backed up in states that existed, and loses no point to backups, restores and fills', async (t) => {
    await using scratch = await createScratch();
    const base = baseOf(Math.floor(Date.now() / 1000));
    const tree = await scratch.directory('tree');
    const store = createDiskStore({ path: scratch.at('bucket') });
    const donors = new Donors(scratch, base);
    const counts = { runs: 0, restores: 0, fills: 0, backfilled: 0 };

    const backups = async () => {
      const summary = await backUp(store, tree, { retention: 1_000_000, ...threadsOn(store), fileLockTimeout: 10 });
      assert.deepEqual([summary.failed, summary.skipped, summary.counts['metrics']], [[], [], FILES]);
      counts.runs++;
    };
    const restores = async () => {
      const donated = await donors.bucket();
      const summary = await restoreTree(donated, tree, { ...threadsOn(donated), fileLockTimeout: 10 });
      await donated.close();
      assert.deepEqual(summary.failed, []);
      counts.restores++;
      counts.backfilled += summary.counts['backfilled'] ?? 0;
    };
    const fills = async () => {
      const prefix = await donors.tree();
      for (let file = 0; file < FILES; file++) {
        const { filled } = await fillFile(`${prefix}/${nameOf(file)}`, `${tree}/${nameOf(file)}`, {});
        counts.fills++;
        if (filled > 0) counts.backfilled++;
      }
    };

    const writer = await startWriter(tree, { files: FILES, base, numbers: NUMBERS });
    try {
      writer.enter('alone');
      await sleep(SECONDS * 1000);
      writer.enter('backups');
      await again(backups);
      writer.enter('restores');
      await Promise.all([again(backups), again(restores)]);
      writer.enter('fills');
      await Promise.all([again(backups), again(fills)]);
      const { last, phases } = await writer.end();
      await backups();

      let filled = 0;
      for (const [file, [round, number]] of last.entries()) {
        const counted = readCounted(new Uint8Array(await readFile(`${tree}/${nameOf(file)}`)), file, base);
        assert.deepEqual([counted.round, counted.number], [round, number], `the last point of file ${file}`);
        filled += counted.filled;
      }
      const states = await statesIn(scratch.at('bucket'), base);
      assert.deepEqual((await verifyAll(store, { readData: true })).damaged, []);

      const figures = Object.entries(phases).map(([phase, { updates, slowest, median, longestWait }]) => [
        [`${phase}Updates`, updates],
        [`${phase}SlowestMs`, Number(slowest.toFixed(2))],
        [`${phase}MedianMs`, Number(median.toFixed(3))],
        [`${phase}LongestWaitMs`, Number(longestWait.toFixed(2))],
      ]);
      const told = Object.fromEntries(figures.flat());
      reportReliability(t, 'live-writer', { files: FILES, ...counts, ...states, filled, ...told });
      // The writer may hear of its first phase before it has written anything.
      const named = Object.keys(phases).filter((phase) => phase !== 'start');
      assert.deepEqual(named.toSorted(), ['alone', 'backups', 'fills', 'restores']);
      // So that it was a test at all.
      assert.ok(states.states > FILES * 2 && filled > FILES && counts.backfilled > FILES, JSON.stringify(counts));
    } finally {
      writer.kill();
      await store.close();
    }
  });
});

function nameOf(file: number): string {
  return `live/m${file}.wsp`;
}

/** As often as it fits in a phase. */
async function again(task: () => Promise<void>): Promise<void> {
  for (const until = performance.now() + SECONDS * 1000; performance.now() < until; ) await task();
}

/** Reads every backup, and counts how many different states they show. */
async function statesIn(bucket: string, base: number): Promise<{ readonly backups: number; readonly states: number }> {
  const store = createDiskStore({ path: bucket });
  const states = new Set<string>();
  let backups = 0;
  for (const { metric, key } of await listAll(store)) {
    const file = Number(metric.replace('live.m', ''));
    const bytes = gunzipSync(await readFile(`${bucket}/${key}`));
    const { round, number, filled } = readCounted(new Uint8Array(bytes), file, base);
    states.add(`${file} ${round} ${number} ${filled}`);
    backups++;
  }
  await store.close();
  return { backups, states: states.size };
}
