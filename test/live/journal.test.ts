import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { journalLines } from '../fixtures/journal-lines.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { startCarbon } from '../servers/carbon.ts';
import { AGGREGATION, comparePoints, LiveHost, METRICS, type Tree, until } from './journal-host.ts';

const RETENTIONS = '1s:10m,5s:1h,60s:6h';

describe('the journal of a tree that carbon-cache writes to', () => {
  it('leads from the backup to the live files byte for byte, and by hand through carbon to the same points', async () => {
    await using scratch = await createScratch();
    const host = await LiveHost.start(scratch, { retentions: RETENTIONS });
    let points = 0;
    const journal = async () => {
      points += (await host.program('journal')).counts.points ?? 0;
    };
    let tree: Tree;
    try {
      await host.program('backup');
      for (let i = 0; i < 3; i++) {
        await sleep(3500);
        await journal();
      }
      await sleep(2000);
    } finally {
      tree = await host.stop();
    }
    await journal();
    assert.ok(points > METRICS.length * 5, `${points} points in the journal`);

    const restored = scratch.at('restored');
    await host.program('restore', restored);
    comparePoints(await readTree(restored), tree);
    assert.deepEqual(contents(await readTree(restored)), contents(tree));

    const byHand = scratch.at('by-hand', 'whisper');
    await mkdir(byHand, { recursive: true });
    await host.program('restore', byHand, '--no-journal');
    assert.notDeepEqual(contents(await readTree(byHand)), contents(tree));
    const second = await startCarbon(scratch.at('by-hand'), { retentions: RETENTIONS, aggregation: AGGREGATION });
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
