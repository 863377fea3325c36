import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { knownPoints } from '../../lib/whisper/info.ts';
import { backUp, restoreTree, threadsOn } from '../fixtures/operations.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { readTree } from '../fixtures/tree.ts';
import { startCarbon } from '../servers/carbon.ts';

const METRICS = Array.from({ length: 40 }, (_, i) => `live.metric${i}`);
const BAD = -1;

describe('the restore of a window, while carbon-cache writes to the files', () => {
  it('loses no point outside of it, and undoes what is in its cache too once carbon was stopped', async () => {
    await using scratch = await createScratch();
    // Fewer updates than it gets, so some points are always in its cache.
    const carbon = await startCarbon(scratch.at('carbon'), { retentions: '1s:10m,10s:1h', updatesPerSecond: 20 });
    const store = createDiskStore({ path: scratch.at('bucket') });
    const past = Math.floor(Date.now() / 10_000) * 10 - 120;
    const sent = new Set<number>();
    let sending = true;
    const send = (times: readonly number[], valueAt: (time: number) => number) =>
      carbon.send(
        METRICS.flatMap((metric) => times.map((timestamp) => ({ metric, timestamp, value: valueAt(timestamp) }))),
      );
    const good = Array.from({ length: 60 }, (_, i) => past + i);
    const bad = good.slice(20, 40);
    const window = { from: new Date((past + 20) * 1000), until: new Date((past + 40) * 1000), erase: true };
    const restore = async () => {
      const options = { ...threadsOn(store), fileLockTimeout: 60, window };
      const { failed, counts } = await restoreTree(store, carbon.prefix, options);
      assert.deepEqual(failed, []);
      return counts['pointsReplaced'] ?? 0;
    };
    const sender = (async () => {
      while (sending) {
        const now = Math.floor(Date.now() / 1000);
        await send([now], (time) => time);
        sent.add(now);
        await sleep(200);
      }
    })();
    try {
      await send(good, (time) => time);
      await until(async () => {
        const files = [...(await readTree(carbon.prefix)).values()];
        return files.length === METRICS.length && files.every((bytes) => good.every((time) => fineOf(bytes).has(time)));
      });
      await backUp(store, carbon.prefix, { ...threadsOn(store), fileLockTimeout: 60 });
      const sendBad = async () => {
        await send(bad, () => BAD);
        // Some of them are written by now. Others are not, and come after the next restore.
        await until(async () =>
          [...(await readTree(carbon.prefix)).values()].some((bytes) => fineOf(bytes).get(past + 30) === BAD),
        );
      };
      for (let round = 0; round < 3; round++) {
        await sendBad();
        await restore();
      }
      await sendBad();
      sending = false;
      await sender;
      await carbon.stop();
      assert.ok((await restore()) > 0);
      for (const [name, bytes] of await readTree(carbon.prefix)) {
        const fine = fineOf(bytes);
        // What carbon had not yet read when it was stopped is lost.
        const newest = Math.max(...fine.keys());
        for (const time of [...good, ...sent])
          if (time <= newest) assert.equal(fine.get(time), time, `${name}: ${time}`);
        const [, coarse] = parseHeader(bytes).archives;
        assert.ok(coarse);
        for (const { timestamp, value } of knownPoints(bytes, coarse)) {
          const inside = Array.from({ length: 10 }, (_, i) => fine.get(timestamp + i)).filter(
            (one) => one !== undefined,
          );
          assert.equal(
            value,
            inside.reduce((sum, one) => sum + one, 0) / inside.length,
            `${name}: 10 s at ${timestamp}`,
          );
        }
      }
    } finally {
      sending = false;
      await sender.catch(() => {});
      await carbon.stop();
      await store.close();
    }
  });
});

function fineOf(bytes: Uint8Array): Map<number, number> {
  try {
    const [archive] = parseHeader(bytes).archives;
    return new Map(archive && knownPoints(bytes, archive).map(({ timestamp, value }) => [timestamp, value]));
  } catch {
    // It is being created.
    return new Map();
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, 'not within two minutes');
    await sleep(100);
  }
}
