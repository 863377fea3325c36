import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { Ring } from '../../lib/whisper/points.ts';
import { journalLines } from '../fixtures/journal-lines.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { run } from '../scripts/cli/program.ts';
import { startCarbon } from '../servers/carbon.ts';

const METHODS = { average: 0.5, sum: 0, min: 0.2, max: 1, last: 0.7 };
const METRICS = Object.keys(METHODS).flatMap((method) => Array.from({ length: 6 }, (_, i) => `live.${method}.m${i}`));
const CARBON = {
  retentions: '1s:10m,5s:1h,60s:6h',
  aggregation: Object.entries(METHODS)
    .map(
      ([method, factor]) =>
        `[${method}]\npattern = \\.${method}\\.\nxFilesFactor = ${factor}\naggregationMethod = ${method}\n`,
    )
    .join(''),
};

/** Seconds of points that carbon has before the backup, so that every archive has some. */
const HISTORY = 150;

type Tree = ReadonlyMap<string, Uint8Array>;

describe('the journal of a tree that carbon-cache writes to', () => {
  it('leads from the backup to the live files byte for byte, and by hand through carbon to the same points', async () => {
    await using scratch = await createScratch();
    const program = async (prefix: string, ...args: readonly string[]) => {
      const place = ['disk', `path=${scratch.at('store')}`, '-b', 'bucket', '-p', prefix];
      const state = ['--nolog', '--nolock', '--nostamp', '--json', '--cache-dir', scratch.at('cache')];
      const ended = await run([...args, ...place, ...state], { env: { WHISPER_BACKUP_NO_CACHE: 'false' } });
      assert.equal(ended.code, 0, `${args}: ${ended.stderr}`);
      return JSON.parse(ended.stdout);
    };
    await mkdir(scratch.at('store'));
    const live = await startCarbon(scratch.at('live'), CARBON);
    let newest = Math.floor(Date.now() / 1000) - HISTORY;
    let sending = true;
    const sendOn = async () => {
      const points = [];
      for (const now = Math.floor(Date.now() / 1000); newest < now; ) {
        const timestamp = ++newest;
        // Some metrics have gaps, by which a coarser archive may have no point.
        for (const [i, metric] of METRICS.entries())
          if ((timestamp + i) % 6 > i % 4)
            points.push({ metric, timestamp, value: Math.sin(timestamp * (i + 1)) * 1000 });
      }
      if (points.length > 0) await live.send(points);
    };
    await sendOn();
    const sender = (async () => {
      for (; sending; await sleep(100)) await sendOn();
    })();
    let points = 0;
    try {
      await until(async () => (await readTree(live.prefix)).size === METRICS.length);
      await program(live.prefix, 'backup');
      for (let i = 0; i < 3; i++) {
        await sleep(3500);
        points += (await program(live.prefix, 'journal')).counts.points;
      }
      await sleep(2000);
    } finally {
      sending = false;
      await sender;
      // It writes what is in its cache.
      await live.stop();
    }
    const tree = await readTree(live.prefix);
    points += (await program(live.prefix, 'journal')).counts.points;
    assert.ok(points > METRICS.length * 5, `${points} points in the journal`);

    const restored = scratch.at('restored');
    await mkdir(restored);
    await program(restored, 'restore');
    comparePoints(await readTree(restored), tree);
    assert.deepEqual(contents(await readTree(restored)), contents(tree));

    const byHand = scratch.at('by-hand', 'whisper');
    await mkdir(byHand, { recursive: true });
    await program(byHand, 'restore', '--no-journal');
    assert.notDeepEqual(contents(await readTree(byHand)), contents(tree));
    const second = await startCarbon(scratch.at('by-hand'), CARBON);
    try {
      const store = createDiskStore({ path: scratch.at('store', 'bucket') });
      const lines = await journalLines(store);
      await store.close();
      await sendLines(
        second.address,
        lines.map(({ metric, value, timestamp }) => `${metric} ${value} ${timestamp}\n`).join(''),
      );
      await until(async () => isSame(await readTree(byHand), tree));
    } catch (error) {
      comparePoints(await readTree(byHand), tree);
      throw error;
    } finally {
      await second.stop();
    }
    comparePoints(await readTree(byHand), tree);
  });
});

function isSame(some: Tree, others: Tree): boolean {
  try {
    comparePoints(some, others);
    return true;
  } catch {
    return false;
  }
}

function comparePoints(actual: Tree, expected: Tree): void {
  assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort());
  for (const [path, bytes] of expected) assert.deepEqual(pointsOf(actual.get(path)), pointsOf(bytes), path);
}

/** The points of each archive, in the order of time. */
function pointsOf(bytes: Uint8Array = new Uint8Array()): (readonly [timestamp: number, value: number])[][] {
  return parseHeader(bytes).archives.map((archive) => {
    const ring = new Ring(bytes, archive);
    return Array.from({ length: archive.points }, (_, i) => i)
      .filter((i) => ring.isPointAt(i))
      .map((i) => [ring.timestampAt(i), ring.valueAt(i)] as const)
      .sort(([a], [b]) => a - b);
  });
}

async function sendLines(address: string, lines: string): Promise<void> {
  const [host, port] = address.split(':');
  const socket = connect(Number(port), host);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => resolve());
    socket.end(lines);
    socket.resume();
  });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, 'not within a minute');
    await sleep(100);
  }
}
