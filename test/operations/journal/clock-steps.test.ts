import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { codeOf } from '../../../lib/common/errors.ts';
import { JournalHost } from '../../fixtures/journal-host.ts';
import { createScratch } from '../../fixtures/scratch.ts';

describe('the journal of a host whose clock is set', () => {
  for (const [stamps, steps] of [
    ['right', [-40, -4, 4, 40]],
    ['its own', [-40, 40]],
  ] as const) {
    for (const step of steps) {
      const [minutes, how] = [Math.abs(step), step < 0 ? 'back' : 'forward'];
      it(`leads to the live files after a step of ${minutes} minutes ${how} and again back, if points have ${stamps} time`, async () => {
        await using scratch = await createScratch();
        const host = await JournalHost.backedUp(scratch, stamps);
        for (const ahead of [0, step, 0]) {
          await host.step(ahead);
          for (let i = 0; i < 3; i++) {
            await host.pass(4);
            await host.journal();
          }
        }
        await host.pass(minutes);
        await host.journal();
        await host.compare();
      });
    }
  }

  it('leaves points that were written a second time between two runs to the next backup', async () => {
    await using scratch = await createScratch();
    const host = await JournalHost.backedUp(scratch, 'its own');
    await host.pass(5);
    await host.journal();
    const before = host.bucket.time.getTime() / 1000;
    await host.step(-4);
    await host.pass(9);
    await host.journal();
    const again = [-180, -120, -60].map((seconds) => before + seconds);
    assert.deepEqual([...new Set(await host.differences())], again);
    await host.backup();
    await host.compare();
  });

  it('says that a run is far ahead, and loses no point when that run is deleted', async () => {
    await using scratch = await createScratch();
    const host = await JournalHost.backedUp(scratch, 'right');
    await host.pass(4);
    await host.journal();
    await host.step(100);
    await host.pass(9);
    const ahead = await host.journal();
    await host.step(0);
    await assert.rejects(host.journal(), (error) => codeOf(error) === 'JOURNAL_AHEAD');
    const keys = await host.bucket.keys(`.whisper-backup/journal/${ahead.journal?.until}/`);
    assert.equal(keys.length, 2);
    await host.bucket.store.delete(keys);
    await host.pass(1);
    await host.journal();
    await host.compare();
  });

  it('stops while a backup is dated ahead of the clock, since no restore would apply the run to it, and continues later', async () => {
    await using scratch = await createScratch();
    const host = new JournalHost(scratch, 'right');
    await host.create();
    await host.pass(15);
    await host.step(10);
    await host.backup();
    await host.step(0);
    await host.pass(2);
    const { stopped, journal, counts } = await host.journal();
    assert.deepEqual([stopped?.code, journal, counts.failed], ['BACKUP_AHEAD', undefined, 0]);
    await host.pass(12);
    assert.equal((await host.journal()).stopped, undefined);
    await host.compare();
  });
});
