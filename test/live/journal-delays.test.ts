import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { comparePoints, LiveHost, METRICS, pointsOf, type Tree } from './journal-host.ts';

describe('the journal of a carbon-cache', () => {
  it('loses no point that waits in its cache until after later journal runs', async () => {
    await using scratch = await createScratch();
    // Each file is updated every 10 s, with the points of 10 s.
    const host = await LiveHost.start(scratch, {
      retentions: '1s:10m,5s:1h,60s:6h',
      updatesPerSecond: METRICS.length / 10,
    });
    let tree: Tree;
    let delay = 0;
    try {
      await host.program('backup');
      for (let i = 0; i < 6; i++) {
        await sleep(2000);
        const read = Math.floor(Date.now() / 1000);
        await host.program('journal');
        for (const bytes of (await readTree(host.carbon.prefix)).values())
          delay = Math.max(delay, read - (pointsOf(bytes)[0]?.at(-1)?.[0] ?? read));
      }
    } finally {
      tree = await host.stop();
    }
    assert.ok(delay >= 5, `points waited ${delay} s at most`);
    await host.program('journal');
    const restored = scratch.at('restored');
    await host.program('restore', restored);
    comparePoints(await readTree(restored), tree);
    assert.deepEqual(contents(await readTree(restored)), contents(tree));
  });

  it('leads to the same points within all retentions if the runs are further apart than the finest archive', async () => {
    await using scratch = await createScratch();
    const host = await LiveHost.start(scratch, { retentions: '1s:12s,3s:2m,15s:2h' });
    let tree: Tree;
    try {
      await host.program('backup');
      await host.program('journal');
      await sleep(20_000);
      await host.program('journal');
      await sleep(3000);
    } finally {
      tree = await host.stop();
    }
    await host.program('journal');
    const now = Math.floor(Date.now() / 1000);
    const restored = scratch.at('restored');
    await host.program('restore', restored);
    const found = await readTree(restored);
    const visible = (file: Uint8Array | undefined) =>
      pointsOf(file).map((points, i) => points.filter(([time]) => time > now - ([12, 120, 7200][i] ?? 0)));
    for (const [path, bytes] of tree) assert.deepEqual(visible(found.get(path)), visible(bytes), path);
  });
});
