import assert from 'node:assert/strict';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { createWhisper } from '../../../lib/whisper/create.ts';
import { parseHeader } from '../../../lib/whisper/header.ts';
import { knownPoints } from '../../../lib/whisper/info.ts';
import { updateMany } from '../../../lib/whisper/update.ts';
import { FILES, JournalHost } from '../../fixtures/journal-host.ts';
import { createScratch } from '../../fixtures/scratch.ts';

const { average } = FILES;

/** Replaces the file `average` as whisper-resize does, with or without its points. */
async function replace(host: JournalHost, bytes: Uint8Array, withPoints: boolean): Promise<void> {
  const file = `${host.tree}/average.wsp`;
  const resized = new Uint8Array(bytes);
  if (withPoints) {
    const before = new Uint8Array(await readFile(file));
    const points = parseHeader(before).archives.flatMap((archive) => knownPoints(before, archive));
    updateMany(resized, points, { now: host.bucket.time.getTime() / 1000 });
  }
  await writeFile(`${file}.new`, resized);
  await rename(`${file}.new`, file);
}

/** What happens to the file `average` between two runs of the journal. */
const CHANGES: Record<string, (host: JournalHost) => Promise<void>> = {
  'was deleted and created anew': (host) => replace(host, average, false),
  'was emptied by carbon': (host) => writeFile(`${host.tree}/average.wsp`, average),
  'was missing in a run and created anew': async (host) => {
    await rm(`${host.tree}/average.wsp`);
    await host.pass(2);
    await host.journal();
    await host.pass(2);
    await writeFile(`${host.tree}/average.wsp`, average);
  },
  'was missing for longer than its finest archive and created anew': async (host) => {
    await rm(`${host.tree}/average.wsp`);
    for (let i = 0; i < 3; i++) {
      await host.pass(50);
      await host.journal();
    }
    await writeFile(`${host.tree}/average.wsp`, average);
  },
  'was replaced by an older copy': async (host) => {
    const copy = await readFile(`${host.tree}/average.wsp`);
    await host.pass(10);
    await host.journal();
    await writeFile(`${host.tree}/average.wsp`, copy);
  },
  'was resized': (host) =>
    replace(
      host,
      createWhisper([
        { secondsPerPoint: 60, points: 240 },
        { secondsPerPoint: 600, points: 72 },
      ]),
      true,
    ),
  'got another schema of the same size': (host) =>
    replace(
      host,
      createWhisper([
        { secondsPerPoint: 120, points: 120 },
        { secondsPerPoint: 600, points: 72 },
      ]),
      true,
    ),
  'got another aggregation method': (host) =>
    replace(
      host,
      createWhisper(
        [
          { secondsPerPoint: 60, points: 120 },
          { secondsPerPoint: 600, points: 72 },
        ],
        { aggregation: 'max', xFilesFactor: 0.5 },
      ),
      true,
    ),
};

describe('the journal of a file that changes', () => {
  for (const [what, change] of Object.entries(CHANGES)) {
    it(`leads to the live file if it ${what}`, async () => {
      await using scratch = await createScratch();
      const host = await JournalHost.journaled(scratch);
      const [date, live] = [new Date(host.bucket.time), await host.files()];
      await change(host);
      await host.pass(4);
      const { counts } = await host.journal();
      assert.deepEqual([counts.stored, counts.journaled, counts.failed], [1, 1, 0]);
      await host.compare();
      await host.pass(4);
      const after = await host.journal();
      assert.deepEqual([after.counts.stored, after.counts.journaled], [0, 2]);
      await host.compare();
      await host.compare({ live, date });
    });
  }

  it('leads to the live file if that is again what was backed up', async () => {
    await using scratch = await createScratch();
    const host = await JournalHost.backedUp(scratch);
    const file = `${host.tree}/average.wsp`;
    const copy = await readFile(file);
    await host.pass(5);
    await host.journal();
    await writeFile(file, copy);
    await host.journal();
    await host.compare();
  });

  it('leads to the live file if it was emptied after the clock was set back', async () => {
    await using scratch = await createScratch();
    const host = await JournalHost.backedUp(scratch);
    await host.step(3);
    await host.pass(2);
    await host.journal();
    await writeFile(`${host.tree}/average.wsp`, average);
    await host.step(0);
    await host.journal();
    await host.compare();
  });
});
