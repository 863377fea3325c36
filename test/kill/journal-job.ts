import assert from 'node:assert/strict';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { parseValue } from '../../lib/journal/line.ts';
import { update } from '../../lib/whisper/update.ts';
import { journalLines } from '../fixtures/journal-lines.ts';
import { restoreTree } from '../fixtures/operations.ts';
import { whisperFile } from '../fixtures/tree.ts';
import { digestOf } from './digest.ts';
import { type Ground, nameOf } from './ground.ts';
import type { Job } from './job.ts';
import { readWhole, writeWhole } from './tree.ts';

const ARCHIVES = [
  { secondsPerPoint: 1, points: 7200 },
  { secondsPerPoint: 60, points: 600 },
];

/** After a backup, each time most metrics get a point more, a few of them are new. */
export async function journalJob(ground: Ground, metrics: number): Promise<Job> {
  const began = Math.floor(Date.now() / 1000);
  const files = new Map<string, Uint8Array>();
  /** By metric: every point that its file ever had, as `value timestamp`. */
  const points = new Map<string, Set<string>>();
  let round = 0;

  const write = (name: string, timestamp: number) => {
    const bytes = files.get(name) ?? whisperFile({ now: timestamp, points: [], archives: ARCHIVES });
    const value = ++round + ground.random();
    update(bytes, { value, timestamp, now: timestamp });
    files.set(name, bytes);
    const known = points.get(nameOf(name)) ?? new Set();
    points.set(nameOf(name), known.add(`${value} ${timestamp}`));
  };
  for (let i = 0; i < metrics; i++) write(`servers/web${i % 9}/m${i}.wsp`, began);
  await writeWhole(ground.prefix, files);
  await ground.backUp();

  const args = () => ground.args('journal');
  return {
    command: 'journal',
    args,
    finishingArgs: args,
    env: ground.env,
    lockfile: ground.lockfile,
    async prepare() {
      const now = Math.floor(Date.now() / 1000);
      for (const name of files.keys()) if (ground.random() < 0.9) write(name, now);
      write(`servers/new/m${round}.wsp`, now);
      await writeWhole(ground.prefix, files);
    },
    async state() {
      return digestOf(await ground.keys());
    },
    async hold() {
      assert.deepEqual(await readWhole(ground.prefix), { files, left: [] });
      for (const { metric, value, timestamp } of await journalLines(ground.store))
        assert.ok(
          points.get(metric)?.has(`${parseValue(value)} ${timestamp}`),
          `${metric} had ${value} at ${timestamp}`,
        );
    },
    async holdThoroughly() {
      await ground.verify({ readData: true });
    },
    async leftovers() {
      const names = await readdir(ground.cacheDir);
      const ofCache = names.filter((name) => name.endsWith('.tmp')).map((name) => `${ground.cacheDir}/${name}`);
      return [...ofCache, ...(await ground.bucketLeftovers())];
    },
    // Parts without an index go when they are as old as runs that go.
    purge: () => ground.purge(),
    async done() {
      const restored = `${ground.prefix}-restored/whisper`;
      await rm(restored, { recursive: true, force: true });
      await mkdir(restored, { recursive: true });
      const { failed } = await restoreTree(ground.store, restored);
      assert.deepEqual(failed, []);
      assert.deepEqual((await readWhole(restored)).files, files);
    },
  };
}
