import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createScratch } from '../fixtures/scratch.ts';
import { sh } from '../fixtures/sh.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { comparePoints, LiveHost, METRICS, type Tree, until } from './journal-host.ts';

describe('the journal of files that are resized, changed or deleted under a carbon-cache', () => {
  it('leads to the live files', async () => {
    await using scratch = await createScratch();
    const host = await LiveHost.start(scratch, { retentions: '1s:10m,5s:1h,60s:6h' });
    const { prefix } = host.carbon;
    const filesOf = (name: string) =>
      METRICS.filter((metric) => metric.endsWith(name)).map((metric) => `${prefix}/${metric.replaceAll('.', '/')}.wsp`);
    let tree: Tree;
    try {
      await host.program('backup');
      await sleep(2500);
      await host.program('journal');
      for (const file of filesOf('m0')) sh`whisper-resize --nobackup ${file} 1s:20m 5s:2h 60s:6h`;
      // The new file has the size of the old one.
      for (const file of filesOf('m1')) sh`whisper-resize --nobackup ${file} 1s:12m 5s:50m 60s:6h`;
      for (const file of filesOf('m2')) sh`whisper-set-aggregation-method ${file} last 0.1`;
      await Promise.all(filesOf('m3').map((file) => rm(file)));
      await until(async () => (await readTree(prefix)).size === METRICS.length);
      const { stored, journaled } = (await host.program('journal')).counts;
      assert.deepEqual([stored, journaled], [4 * 5, METRICS.length - 4 * 5]);
      await sleep(2500);
      const later = (await host.program('journal')).counts;
      assert.deepEqual([later.stored, later.journaled], [0, METRICS.length]);
      await sleep(1000);
    } finally {
      tree = await host.stop();
    }
    await host.program('journal');
    const restored = scratch.at('restored');
    await host.program('restore', restored);
    comparePoints(await readTree(restored), tree);
    assert.deepEqual(contents(await readTree(restored)), contents(tree));
  });
});
