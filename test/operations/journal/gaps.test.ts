import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseHeader } from '../../../lib/whisper/header.ts';
import { knownPoints } from '../../../lib/whisper/info.ts';
import { JournalHost } from '../../fixtures/journal-host.ts';
import { createScratch } from '../../fixtures/scratch.ts';

/** The points of each archive that are within its retention. */
function visible(bytes: Uint8Array, now: number) {
  return parseHeader(bytes).archives.map((archive) => knownPoints(bytes, archive, { now }));
}

describe('a journal run after a backup that took longer than the finest archive', () => {
  it('stores no file whole because of points that the backup has', async () => {
    await using scratch = await createScratch();
    const host = await JournalHost.backedUp(scratch);
    await host.journal();
    await host.pass(130);
    await host.backup();
    await host.pass(3);
    const began = host.bucket.time;
    // Carbon writes a point before a file is read.
    await host.pass(1);
    const { counts } = await host.journal({ now: () => began });
    assert.deepEqual([counts.stored, counts.journaled], [0, 2]);
    await host.compare();
  });
});

describe('a journal run after a pause longer than the finest archive', () => {
  // In the pauses, a slot of a coarser archive begins where the finest one ends.
  for (const [what, ahead, pause] of [
    ['carbon wrote newer points before it read a file', -2, 205],
    ['its newest point has the time of the run', 0, 204],
    ['carbon has not written for a while', 3, 202],
  ] as const) {
    it(`leads to the points of the live file if ${what}`, async () => {
      await using scratch = await createScratch();
      const host = new JournalHost(scratch);
      await host.create();
      await host.pass(15);
      await host.step(ahead);
      await host.backup();
      await host.journal();
      await host.pass(pause);
      await host.journal();
      await host.pass(3);
      const { counts } = await host.journal();
      assert.deepEqual([counts.stored, counts.journaled], [0, 2]);
      const [live, restored] = [await host.files(), await host.restored()];
      assert.equal(live.size, 2);
      const now = host.bucket.time.getTime() / 1000;
      for (const [name, bytes] of live)
        assert.deepEqual(visible(restored.get(name) ?? new Uint8Array(), now), visible(bytes, now), name);
    });
  }
});
