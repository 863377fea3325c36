import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { digestOf } from './digest.ts';
import { type Ground, metricFiles } from './ground.ts';
import type { Job } from './job.ts';
import { assertNoWorse, readWhole, withGaps, writeWhole } from './tree.ts';

/** Each time a third of the tree is gone, a third has gaps, a third is whole; or all of it is gone, and its prefix. */
export async function restoreJob(ground: Ground, metrics: number): Promise<Job> {
  const whole = metricFiles(metrics);
  await writeWhole(ground.prefix, whole);
  await ground.backUp();
  let before = new Map<string, Uint8Array>();
  let keys: readonly string[] | undefined;

  const args = () => ground.args('restore');
  return {
    command: 'restore',
    args,
    finishingArgs: args,
    env: ground.env,
    lockfile: ground.lockfile,
    async prepare() {
      before = new Map();
      const isAllGone = ground.random() < 0.25;
      for (const [name, bytes] of whole) {
        const lot = isAllGone ? 0 : ground.random();
        if (lot > 2 / 3) before.set(name, bytes);
        else if (lot > 1 / 3) before.set(name, withGaps(bytes, ground.random));
      }
      const left = (await readWhole(ground.prefix)).left;
      await rm(ground.prefix, { recursive: true, force: true });
      for (const path of left) await rm(path, { recursive: true, force: true });
      if (!isAllGone) await writeWhole(ground.prefix, before);
      else await rm(`${ground.prefix}/..`, { recursive: true, force: true });
    },
    async state() {
      return digestOf([...(await readWhole(ground.prefix)).files].flat());
    },
    async hold() {
      const { files } = await readWhole(ground.prefix);
      for (const [name, bytes] of files) {
        const was = before.get(name);
        assert.ok(whole.has(name), `nobody knows what ${name} is`);
        if (was) assertNoWorse(bytes, was);
        else assert.deepEqual(bytes, whole.get(name), `${name} is whole`);
      }
      for (const name of before.keys()) assert.ok(files.has(name), `${name} is there`);
      const stored = await ground.stored();
      keys ??= [...stored.keys()];
      assert.deepEqual([...stored.keys()], keys);
    },
    async holdThoroughly() {
      await ground.verify({ readData: true });
    },
    async leftovers() {
      return [...(await readWhole(ground.prefix)).left, ...(await ground.bucketLeftovers())];
    },
    purge: () => ground.purge(),
    async done() {
      const { files } = await readWhole(ground.prefix);
      assert.deepEqual([...files.keys()].toSorted(), [...whole.keys()].toSorted());
      for (const [name, bytes] of files) assert.deepEqual(bytes, whole.get(name), `${name} is as it was stored`);
    },
  };
}
