import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { silent } from '../../lib/common/report.ts';
import { drill } from '../../lib/operations/drill/drill.ts';
import { createStore, type StoreSpec } from '../../lib/store/spec.ts';
import { backUp } from '../fixtures/operations.ts';
import { writeWithPython } from '../fixtures/python-tree.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { ownBucket, sharedRadosgw } from '../servers/shared.ts';
import { keysOf } from '../store/collect.ts';

const scratch = await createScratch();
const radosgw = await sharedRadosgw();
after(async () => {
  await radosgw.stop();
  await scratch[Symbol.asyncDispose]();
});

describe('a drill on S3', () => {
  it('restores with its own threads, measures, and reports the damage', async () => {
    const { endpoint, accessKeyId, secretAccessKey } = radosgw.s3;
    const options = { bucket: ownBucket('drilled'), endpoint, accessKeyId, secretAccessKey };
    const spec: StoreSpec = { place: { kind: 's3', options }, concurrency: 16 };
    const store = await createStore(spec, () => {});
    try {
      const now = Math.floor(Date.now() / 60_000) * 60 - 120;
      const prefix = scratch.at('tree');
      const names = Array.from({ length: 90 }, (_, i) => `servers/web${i % 3}/cpu ${i}`);
      writeWithPython(
        prefix,
        names.map((path, i) => ({
          path,
          points: [
            [now - 120, i],
            [now - 60, i + 1],
          ],
        })),
      );
      await backUp(store, prefix);
      writeWithPython(
        prefix,
        names.map((path) => ({ path, points: [[now, 7]] })),
      );
      const common = { report: silent, processes: 2, prefix, scratch: scratch.at('space'), threadStore: spec };
      const sound = await drill(store, common);
      assert.deepEqual([sound.failed, sound.damaged, sound.counts['same']], [[], [], 90]);
      const { maxSeconds, medianSeconds } = sound.drill?.rpo ?? {};
      assert.deepEqual([maxSeconds, medianSeconds], [60, 60]);
      assert.ok((sound.drill?.rto.seconds ?? 0) > 0);

      const damaged = (await keysOf(store)).find((key) => key.includes('cpu 7/')) ?? '';
      await store.put(damaged, new TextEncoder().encode('junk'));
      const found = await drill(store, common);
      assert.deepEqual(
        found.damaged?.map(({ key }) => key),
        [damaged],
      );
      assert.deepEqual([found.failed, found.counts['same']], [[], 89]);
      assert.ok(!(await readdir(scratch.path)).includes('space'));
    } finally {
      await store.close();
    }
  });
});
