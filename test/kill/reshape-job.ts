import assert from 'node:assert/strict';
import { parseRetentions } from '../../lib/carbon/retentions.ts';
import { reshape } from '../../lib/whisper/reshape.ts';
import { digestOf } from './digest.ts';
import { type Ground, metricFiles } from './ground.ts';
import type { Job } from './job.ts';
import { readWhole, withGaps, writeWhole } from './tree.ts';

/** So long that no point grows too old while the test runs, so that each run makes the same bytes. */
const RETENTIONS = '60:600,300:900';

/** Every file gets another schema by a restore. Half of them have gaps, so their state before is stored first. */
export async function reshapeJob(ground: Ground, metrics: number): Promise<Job> {
  const whole = metricFiles(metrics);
  await writeWhole(ground.prefix, whole);
  await ground.backUp();
  const old = new Map<string, Uint8Array>();
  const made = new Map<string, Uint8Array>();
  const now = Math.floor(Date.now() / 1000);
  for (const [name, bytes] of whole) {
    const local = ground.random() < 0.5 ? bytes : withGaps(bytes, ground.random);
    old.set(name, local);
    made.set(name, reshape({ archives: parseRetentions(RETENTIONS) }, [local, bytes], now).bytes);
  }

  const args = () => ground.args('restore', '--retentions', RETENTIONS);
  return {
    command: 'reshape',
    args,
    finishingArgs: args,
    env: ground.env,
    lockfile: ground.lockfile,
    async prepare() {
      await writeWhole(ground.prefix, old);
    },
    async state() {
      return digestOf([...(await readWhole(ground.prefix)).files].flat());
    },
    async hold() {
      const { files } = await readWhole(ground.prefix);
      assert.deepEqual([...files.keys()].toSorted(), [...whole.keys()].toSorted());
      for (const [name, bytes] of files) {
        const isOne = [old, made].some((known) => Buffer.compare(bytes, known.get(name) ?? new Uint8Array()) === 0);
        assert.ok(isOne, `${name} is neither the old nor the new file`);
      }
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
      assert.equal(files.size, made.size);
      for (const [name, bytes] of files) assert.deepEqual(bytes, made.get(name), `${name} has the new schema`);
    },
  };
}
