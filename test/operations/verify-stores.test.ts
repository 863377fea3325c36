import assert from 'node:assert/strict';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createS3Store } from '../../lib/store/drivers/s3/s3.ts';
import { createSwiftStore } from '../../lib/store/drivers/swift/swift.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { metricFile, plantMetric, plantMetrics } from '../fixtures/metric.ts';
import { backUp, machine, verifyAll } from '../fixtures/operations.ts';
import { putPair } from '../fixtures/python-bucket.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { ownBucket, sharedRadosgw } from '../servers/shared.ts';
import { startSwift } from '../servers/swift.ts';
import { keysOf } from '../store/collect.ts';

const scratch = await createScratch();
const [radosgw, swift] = await Promise.all([sharedRadosgw(), startSwift(await scratch.directory('swift'))]);
after(async () => {
  await Promise.all([radosgw.stop(), swift.stop()]);
  await scratch[Symbol.asyncDispose]();
});

const kinds: readonly { name: string; make: () => ObjectStore }[] = [
  {
    name: 'S3',
    make() {
      const { endpoint, accessKeyId, secretAccessKey } = radosgw.s3;
      return createS3Store({ bucket: ownBucket('verified'), endpoint, accessKeyId, secretAccessKey });
    },
  },
  {
    name: 'Swift',
    make() {
      const { authUrl, user, key } = swift.v1;
      return createSwiftStore({ container: ownBucket('verified'), auth: { method: 'v1', authUrl, user, key } });
    },
  },
];

for (const { name, make } of kinds) {
  describe(`verify on ${name}`, () => {
    it('finds damage, moves it aside, and succeeds after the next backup', async () => {
      const store = make();
      try {
        const tree = await scratch.directory(name);
        const names = Array.from({ length: 30 }, (_, i) => `servers/web${i % 3}/cpu+${i} \u00e9`);
        await plantMetrics(tree, names);
        await backUp(store, tree);
        const damaged = (await keysOf(store)).filter((key) => /cpu\+1?3 /.test(key));
        assert.equal(damaged.length, 2);
        for (const key of damaged) await store.put(key, new TextEncoder().encode('junk'));
        const pair = await putPair(store, 'old', '2026-11-01T00:00:00+00:00', metricFile(3), { root: '/' });
        await store.put(pair.sha1, new TextEncoder().encode('a'.repeat(40)));
        const lone = await putPair(store, 'older', '2026-11-01T00:00:00+00:00', metricFile(3));
        await store.delete([lone.data]);

        const options = { readData: true, compare: { prefix: tree } };
        const found = await verifyAll(store, options);
        const expected = [...damaged, pair.data, lone.sha1].toSorted();
        assert.deepEqual([found.failed, found.damaged?.map(({ key }) => key).toSorted()], [[], expected]);
        assert.deepEqual([found.counts['same'], found.counts['gone']], [30, 1]);

        const repaired = await verifyAll(store, { ...options, repair: { machine } });
        assert.deepEqual([repaired.counts['moved'], repaired.failed], [4, []]);
        const aside = await keysOf(store, { prefix: '.whisper-backup/quarantine/' });
        const all = [...damaged, pair.data, pair.sha1, lone.sha1];
        assert.deepEqual(aside, all.map((key) => `.whisper-backup/quarantine/${key}.damaged`).toSorted());
        for (const key of all) await assert.rejects(store.get(key, { maxBytes: 1e6 }), { code: 'NOT_FOUND' });

        assert.equal((await backUp(store, tree)).counts['stored'], 2);
        const passed = await verifyAll(store, options);
        assert.deepEqual(
          [passed.damaged, passed.failed, passed.counts['same'], passed.counts['read']],
          [[], [], 30, 30],
        );
      } finally {
        await store.close();
      }
    });
  });
}

describe('verify on Swift with lost objects that are still listed', () => {
  it('deletes their keys, so that they are no longer listed and the next backup stores the metrics again', async () => {
    const { authUrl, user, key } = swift.v1;
    const store = createSwiftStore({ container: 'lost', auth: { method: 'v1', authUrl, user, key } });
    try {
      const tree = await scratch.directory('lost');
      for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) await plantMetric(tree, name, metricFile(100 + i));
      await backUp(store, tree);
      const lost = (await keysOf(store)).filter((name) => /^[ac]\//.test(name));
      assert.equal(lost.length, 2);
      for (const name of lost) await loseOnDisk(Buffer.from(await store.get(name, { maxBytes: 1e6 })));
      assert.equal((await backUp(store, tree)).counts['unchanged'], 4);

      const repaired = await verifyAll(store, { readData: true, repair: { machine } });
      const removed = repaired.damaged?.map((one) => `${one.code} ${one.removed}`).toSorted();
      assert.deepEqual(removed, lost.map((name) => `NOT_FOUND ${name}`).toSorted());
      assert.deepEqual([repaired.counts['removed'], repaired.counts['moved'], repaired.failed], [2, 0, []]);
      assert.deepEqual(
        (await keysOf(store)).filter((name) => lost.includes(name)),
        [],
      );
      assert.equal((await backUp(store, tree)).counts['stored'], 2);
      const passed = await verifyAll(store, { readData: true });
      assert.deepEqual([passed.damaged, passed.failed, passed.counts['read']], [[], [], 4]);
    } finally {
      await store.close();
    }
  });
});

/** Removes the object with this content from the disk of the object server, behind its back. */
async function loseOnDisk(content: Buffer): Promise<void> {
  const objects = scratch.at('swift', 'node', 'd1', 'objects');
  let found = 0;
  for (const name of await readdir(objects, { recursive: true })) {
    const file = join(objects, name);
    if (!name.endsWith('.data') || !(await readFile(file)).equals(content)) continue;
    await rm(file);
    found++;
  }
  assert.equal(found, 1);
}
