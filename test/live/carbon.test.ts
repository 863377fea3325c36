import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { Ring } from '../../lib/whisper/points.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { backUp, listAll, restoreTree, threadsOn } from '../fixtures/operations.ts';
import { reportReliability } from '../fixtures/reliability.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { plant, readTree } from '../fixtures/tree.ts';
import { startCarbon } from '../servers/carbon.ts';

const METRICS = Array.from({ length: 300 }, (_, i) => `live.host${i % 10}.metric${i}`);

const SECONDS = 'Deno' in globalThis ? 5 : 20;

/** What carbon makes, by its defaults: method average, xFilesFactor 0.5. */
const RETENTIONS = '1s:10m,10s:1h';
const ARCHIVES = [
  { secondsPerPoint: 1, points: 600 },
  { secondsPerPoint: 10, points: 360 },
];

/** A point's value is its timestamp, and how often it was sent before; a donor's is told by this fraction. */
const DONATED = 0.5;

describe('carbon-cache under load, with WHISPER_LOCK_WRITES', () => {
  it('is backed up in states that existed, and loses no point to backups and restores', async (t) => {
    await using scratch = await createScratch();
    const start = Math.floor(Date.now() / 10_000) * 10;
    const carbon = await startCarbon(scratch.at('carbon'), { retentions: RETENTIONS });
    const store = createDiskStore({ path: scratch.at('bucket') });
    /** How often each second was sent. */
    const sent = new Map<number, number>();
    let sending = true;
    const sender = (async () => {
      while (sending) {
        const timestamp = Math.floor(Date.now() / 1000);
        const times = sent.get(timestamp) ?? 0;
        const value = timestamp + times / 4096;
        await carbon.send(METRICS.map((metric) => ({ metric, timestamp, value })));
        sent.set(timestamp, times + 1);
        await sleep(100);
      }
    })();
    try {
      await until(async () => (await readTree(carbon.prefix)).size === METRICS.length);
      let runs = 0;
      let backfilled = 0;
      const backups = async () => {
        const summary = await backUp(store, carbon.prefix, {
          retention: 1_000_000,
          ...threadsOn(store),
          fileLockTimeout: 10,
        });
        assert.deepEqual([summary.failed, summary.counts['metrics']], [[], METRICS.length]);
        runs++;
      };
      let part = 0;
      const restores = async () => {
        const prefix = scratch.at('donors', String(part));
        // Ten seconds of before carbon was started, each time others.
        const from = start - 10 * (2 + (part++ % 28));
        for (const metric of METRICS) await plant(prefix, pathOf(metric), donor(from));
        const donors = createDiskStore({ path: `${prefix}.bucket` });
        await backUp(donors, prefix);
        const { failed, counts } = await restoreTree(donors, carbon.prefix, {
          ...threadsOn(donors),
          fileLockTimeout: 10,
        });
        await donors.close();
        assert.deepEqual(failed, []);
        backfilled += counts['backfilled'] ?? 0;
      };
      await Promise.all([again(backups), again(restores)]);
      sending = false;
      await sender;

      const newest = Math.max(...sent.keys());
      const value = newest + ((sent.get(newest) ?? 0) - 1) / 4096;
      await until(async () =>
        [...(await readTree(carbon.prefix)).values()].every((bytes) => newestOf(bytes) === value),
      );
      await carbon.stop();
      for (const bytes of (await readTree(carbon.prefix)).values()) assert.equal(check(bytes, start, sent), newest);
      await backups();
      let backed = 0;
      for (const { key } of await listAll(store)) {
        check(gunzipSync(await readFile(`${scratch.at('bucket')}/${key}`)), start, sent);
        backed++;
      }
      const lines = [...sent.values()].reduce((sum, times) => sum + times, 0) * METRICS.length;
      const figures = { metrics: METRICS.length, points: lines, runs, backups: backed, restores: part, backfilled };
      reportReliability(t, 'live-carbon', figures);
      assert.ok(runs > 1 && backfilled >= METRICS.length, JSON.stringify(figures));
    } finally {
      sending = false;
      await sender.catch(() => {});
      await carbon.stop();
      await store.close();
    }
  });
});

function donor(from: number): Uint8Array {
  const points = Array.from({ length: 10 }, (_, i) => ({ timestamp: from + i, value: from + i + DONATED }));
  const bytes = createWhisper(ARCHIVES);
  updateMany(bytes, points, { now: from + 10 });
  return bytes;
}

/**
 * Checks that a file was ever like that under its lock: what was sent up to its newest point is there, with the value
 * that was sent last; nothing else but a donor's points of before; the coarse archive is the average of the fine one.
 *
 * @returns the timestamp of the newest point.
 */
function check(file: Uint8Array, start: number, sent: ReadonlyMap<number, number>): number {
  const bytes = new Uint8Array(file);
  const [fine, coarse] = parseHeader(bytes).archives.map((archive) => pointsOf(new Ring(bytes, archive)));
  assert.ok(fine && coarse);
  const newest = Math.max(...fine.keys());
  const oldest = Math.min(...[...fine.keys()].filter((timestamp) => timestamp >= start));
  for (const [timestamp, value] of fine) {
    const times = sent.get(timestamp) ?? 0;
    if (timestamp < start) assert.equal(value, timestamp + DONATED);
    else if (timestamp < newest) assert.equal(value, timestamp + (times - 1) / 4096);
    // More of the same second was to come when the file looked like that; the last may not have been noted yet.
    else assert.ok(value >= timestamp && value <= timestamp + times / 4096, `${value}`);
  }
  for (const timestamp of sent.keys())
    assert.ok(timestamp < oldest || timestamp > newest || fine.has(timestamp), `${timestamp} of ${newest} is missing`);

  const intervals = new Map<number, number[]>();
  for (const [timestamp, value] of [...fine].sort(([a], [b]) => a - b)) {
    const interval = timestamp - (timestamp % 10);
    intervals.set(interval, [...(intervals.get(interval) ?? []), value]);
  }
  for (const [interval, values] of intervals) {
    const average = values.length >= 5 ? values.reduce((sum, value) => sum + value, 0) / values.length : undefined;
    assert.equal(coarse.get(interval), average, `10 s at ${interval}`);
  }
  for (const interval of coarse.keys()) assert.ok(intervals.has(interval), `10 s at ${interval}`);
  return newest;
}

/** The value of the newest point. The file may be being written. */
function newestOf(bytes: Uint8Array): number | undefined {
  const [archive] = parseHeader(bytes).archives;
  const points = archive ? pointsOf(new Ring(bytes, archive)) : new Map<number, number>();
  return points.get(Math.max(...points.keys()));
}

function pointsOf(ring: Ring): Map<number, number> {
  const points = new Map<number, number>();
  for (let i = 0; i < ring.archive.points; i++) if (ring.isPointAt(i)) points.set(ring.timestampAt(i), ring.valueAt(i));
  return points;
}

function pathOf(metric: string): string {
  return `${metric.replaceAll('.', '/')}.wsp`;
}

async function again(task: () => Promise<void>): Promise<void> {
  for (const until = performance.now() + SECONDS * 1000; performance.now() < until; ) await task();
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, 'not within a minute');
    await sleep(100);
  }
}
