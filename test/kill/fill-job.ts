import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { whisperFile } from '../fixtures/tree.ts';
import { digestOf } from './digest.ts';
import type { Job } from './job.ts';
import { assertNoWorse, withGaps } from './tree.ts';

const ARCHIVES = [
  { secondsPerPoint: 60, points: 60_000 },
  { secondsPerPoint: 600, points: 12_000 },
  { secondsPerPoint: 3600, points: 4000 },
];

/** Points of the last so many minutes: enough that none grows too old while the test runs. */
const MINUTES = 50_000;

/** Half of all points are missing, here and there: some thousand writes. */
export async function fillJob(directory: string, random: () => number): Promise<Job> {
  const now = Math.floor(Date.now() / 1000);
  const last = now - (now % 60);
  const points = Array.from({ length: MINUTES }, (_, i) => ({ timestamp: last - i * 60, value: i }));
  const source = whisperFile({ now, points, archives: ARCHIVES });
  const [from, to] = [`${directory}/from.wsp`, `${directory}/to.wsp`];
  await writeFile(from, source);
  let before = source;

  const args = () => ['--quiet', 'fill', from, to];
  return {
    command: 'fill',
    args,
    finishingArgs: args,
    async prepare() {
      before = withGaps(source, random);
      await writeFile(to, before);
    },
    async state() {
      return digestOf([await readFile(to)]);
    },
    async hold() {
      assertNoWorse(new Uint8Array(await readFile(to)), before);
      assert.deepEqual(new Uint8Array(await readFile(from)), source);
    },
    async holdThoroughly() {
      // There is no more than that.
    },
    async leftovers() {
      return (await readdir(directory)).filter((name) => name !== 'from.wsp' && name !== 'to.wsp');
    },
    async purge() {
      // It leaves nothing.
    },
    async done() {
      assert.ok(Buffer.compare(await readFile(to), source) === 0, 'it is what it was filled from');
    },
  };
}
