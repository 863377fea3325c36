import assert from 'node:assert/strict';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createWhisper } from '../../../lib/whisper/create.ts';
import { parseHeader } from '../../../lib/whisper/header.ts';
import { knownPoints } from '../../../lib/whisper/info.ts';
import { updateMany } from '../../../lib/whisper/update.ts';
import { FILES, JournalHost } from '../../fixtures/journal-host.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { SEEDED, seeded } from '../../fixtures/seed.ts';

type Action = (host: JournalHost, file: string) => Promise<unknown>;

/** What happens to a host, or to one of its files. */
const ACTIONS: Record<string, Action> = {
  journal: (host) => host.journal(),
  backup: (host) => host.backup(),
  'lose the marks': (host) => host.loseMarks(),
  'create anew': (_, file) => writeFile(`${file}.new`, FILES.average).then(() => rename(`${file}.new`, file)),
  empty: (_, file) => writeFile(file, FILES.average),
  async 'delete, and create later'(host, file) {
    await rm(file);
    await host.pass(2);
    await host.journal();
    await writeFile(file, FILES.average);
  },
  async 'put an older copy back'(host, file) {
    const copy = await readFile(file);
    await host.pass(7);
    await host.journal();
    await writeFile(file, copy);
  },
  'resize the finest archive': (host, file) => resize(host, file, 240),
  'shrink the finest archive': (host, file) => resize(host, file, 90),
  ...Object.fromEntries([-4, -1, 3].map((minutes) => [`set the clock ${minutes}`, (host) => host.step(minutes)])),
  ...Object.fromEntries(
    [1, 2, 5, 12, 60, 150, 250].map((minutes) => [`wait ${minutes}`, (host) => host.pass(minutes)]),
  ),
};

async function resize(host: JournalHost, file: string, points: number): Promise<void> {
  const before = new Uint8Array(await readFile(file));
  if (parseHeader(before).archives[0]?.points === points) return;
  const resized = createWhisper([
    { secondsPerPoint: 60, points },
    { secondsPerPoint: 600, points: 72 },
  ]);
  const known = parseHeader(before)
    .archives.toReversed()
    .flatMap((archive) => knownPoints(before, archive));
  updateMany(resized, known, { now: host.bucket.time.getTime() / 1000 });
  await writeFile(file, resized);
}

/** The points of each archive that are within its retention. */
function visible(bytes: Uint8Array | undefined, now: number) {
  assert.ok(bytes);
  return parseHeader(bytes).archives.map((archive) => knownPoints(bytes, archive, { now }));
}

describe(`backups and journal runs at any times (${SEEDED})`, () => {
  it('lead to the points of the live files, whatever happened between them', async () => {
    const names = fc.array(fc.constantFrom(...Object.keys(ACTIONS)), { minLength: 3, maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(names, async (actions) => {
        await using scratch = await createScratch();
        const host = await JournalHost.backedUp(scratch);
        for (const action of actions) {
          // A change between two runs is found by the marks of the first one.
          if (!/^(journal|backup|wait|set)/.test(action)) await host.caughtUp();
          await ACTIONS[action]?.(host, `${host.tree}/average.wsp`);
          await host.pass(1);
        }
        await host.step(0);
        await host.caughtUp();
        const [live, restored] = [await host.files(), await host.restored()];
        const now = host.bucket.time.getTime() / 1000;
        for (const [name, bytes] of live) assert.deepEqual(visible(restored.get(name), now), visible(bytes, now), name);
      }),
      seeded(20, 30),
    );
  });
});
