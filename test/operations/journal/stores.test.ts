import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createStore, type Place } from '../../../lib/store/spec.ts';
import { createWhisper } from '../../../lib/whisper/create.ts';
import { reshape } from '../../../lib/whisper/reshape.ts';
import { updateMany } from '../../../lib/whisper/update.ts';
import { putFullRun } from '../../fixtures/full-run.ts';
import { plantMetric } from '../../fixtures/metric.ts';
import { backUp, journalTree, machine, restoreTree, verifyAll } from '../../fixtures/operations.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { contents, readTree } from '../../fixtures/tree.ts';
import { ownBucket, sharedRadosgw, sharedSwift } from '../../servers/shared.ts';
import { keysOf } from '../../store/collect.ts';

const scratch = await createScratch();
const [radosgw, swift] = await Promise.all([sharedRadosgw(), sharedSwift(await scratch.directory('swift'))]);
after(async () => {
  await Promise.all([radosgw.stop(), swift.stop()]);
  await scratch[Symbol.asyncDispose]();
});

const PLACES: Record<string, (name: string) => Place> = {
  S3(name) {
    const { endpoint, accessKeyId, secretAccessKey } = radosgw.s3;
    return { kind: 's3', options: { bucket: ownBucket(name), endpoint, accessKeyId, secretAccessKey } };
  },
  Swift(name) {
    const { authUrl, user, key } = swift.v1;
    return { kind: 'swift', options: { container: ownBucket(name), auth: { method: 'v1', authUrl, user, key } } };
  },
};

const ARCHIVES = [
  { secondsPerPoint: 60, points: 120 },
  { secondsPerPoint: 300, points: 600 },
];
const NAMES = Array.from({ length: 40 }, (_, i) => `servers/web${i % 3}/cpu+${i} \u00e9%20`);

/** Carbon's part. */
async function write(tree: string, timestamp: number): Promise<void> {
  for (const [i, name] of NAMES.entries()) {
    const file = `${tree}/${name}.wsp`;
    const bytes = new Uint8Array(await readFile(file));
    updateMany(bytes, [{ timestamp, value: Math.sin(timestamp + i) }], { now: timestamp });
    await writeFile(file, bytes);
  }
}

for (const [kind, placeOf] of Object.entries(PLACES)) {
  for (const algorithm of ['gz', 'zst'] as const) {
    describe(`the journal on ${kind}, in ${algorithm}`, () => {
      it('is stored by threads, verified, restored, also into another schema, and expires by the clock of the store', async () => {
        const spec = { place: placeOf(`journaled-${algorithm}`), concurrency: 16 };
        const store = await createStore(spec, () => {});
        try {
          const tree = await scratch.directory(kind, algorithm);
          for (const name of NAMES) await plantMetric(tree, name, createWhisper(ARCHIVES));
          const start = Math.floor(Date.now() / 60_000) * 60 - 600;
          await write(tree, start);
          const threads = { processes: 2, threadStore: spec };
          const marks = { file: scratch.at(kind, `${algorithm}-marks`) };
          const journal = (options: Parameters<typeof journalTree>[2] = {}) =>
            journalTree(store, tree, { ...threads, algorithm, marks, ...options });
          await backUp(store, tree, { ...threads, algorithm });
          for (const minute of [1, 2, 3]) {
            await write(tree, start + minute * 60);
            const { counts, failed } = await journal();
            // Without marks, the first run stores the points of the backup, too.
            assert.deepEqual([failed, counts.journaled, counts.points], [[], 40, 80]);
          }
          const parts = (await keysOf(store, { prefix: '.whisper-backup/journal/' })).filter((key) =>
            key.endsWith(`.lines.${algorithm}`),
          );
          assert.equal(parts.length, 3);
          const whole = await verifyAll(store, { readData: true });
          assert.deepEqual([whole.damaged, whole.failed], [[], []]);
          const restored = scratch.at(kind, `${algorithm}-restored`);
          const { counts } = await restoreTree(store, restored, threads);
          assert.deepEqual([counts.restored, counts.failed], [40, 0]);
          assert.deepEqual(contents(await readTree(restored)), contents(await readTree(tree)));

          // Runs within a second are dated one after the other.
          await sleep(3000);
          await backUp(store, tree, { ...threads, algorithm });
          await putFullRun(store, new Date(Date.now() + 1_800_000));
          await write(tree, start + 240);
          assert.equal((await journal({ journalKeep: 0 })).counts.deleted, 2 * 3);
          const left = await keysOf(store, { prefix: '.whisper-backup/journal/' });
          assert.equal(left.length, 2);

          // The store's own clock says that this run is not old, although a backup has its points, too.
          await sleep(2000);
          await write(tree, start + 300);
          await backUp(store, tree, { ...threads, algorithm });
          const ahead = await journal({ now: () => new Date(Date.now() + 9 * 86_400_000) });
          assert.deepEqual([ahead.stopped?.code, ahead.counts.deleted], ['CLOCK_OFF', 0]);
          assert.equal((await verifyAll(store)).counts.damaged, 0);

          // With another schema the tree gets points of the backup, the journal and its own; its state before is stored.
          await write(tree, start + 360);
          const before = [...(await readTree(tree))];
          const archives = [{ secondsPerPoint: 60, points: 240 }, ...ARCHIVES.slice(1)];
          const reshaped = await restoreTree(store, tree, { ...threads, machine, schemaOf: () => ({ archives }) });
          assert.deepEqual([reshaped.failed, reshaped.counts.reshaped, reshaped.counts.stored], [[], 40, 40]);
          const now = Math.floor(Date.now() / 1000);
          for (const [name, bytes] of before)
            assert.deepEqual(await readFile(`${tree}/${name}`), Buffer.from(reshape({ archives }, [bytes], now).bytes));
          const replaced = (await keysOf(store)).filter((key) => key.endsWith('.replaced'));
          assert.deepEqual([replaced.length, reshaped.hold !== undefined], [40, true]);

          await store.delete(left.filter((key) => key.includes('.lines.')).slice(0, 1));
          const damaged = await verifyAll(store);
          assert.deepEqual(
            damaged.damaged?.map(({ code }) => String(code)),
            ['NOT_FOUND'],
          );
        } finally {
          await store.close();
        }
      });
    });
  }
}
