import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Summary, Tally } from '../../lib/common/summary.ts';
import { type PublishedFile, PublishedFiles } from '../../lib/operations/restore/published-files.ts';
import { Rechecks } from '../../lib/operations/restore/rechecks.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { Ring } from '../../lib/whisper/points.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import type { Published } from '../../lib/workers/tasks/publish-task.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { codesOf, restoreTree } from '../fixtures/operations.ts';
import { startPausing } from '../fixtures/pausing.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { minutes, plant, whisperFile } from '../fixtures/tree.ts';
import { withCounting } from '../store/counting.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const NOW = Math.floor(Date.now() / 1000);
const RETENTIONS = ['60:60', '300:288'];
const whole = whisperFile({ points: minutes(NOW, 50, (i) => 1000 + i) });
/** The newest 10 minutes of it. */
const half = whisperFile({ points: minutes(NOW, 10, (i) => 1000 + i) });

/**
 * Restores the metrics `a` and `z`, and does something after `a` is restored but before the end of the restore.
 *
 * @returns the summary, and how many backups were fetched.
 */
async function restoring(
  prefix: string,
  isLeft: () => Promise<boolean>,
  act: () => Promise<void>,
): Promise<{ summary: Summary; fetched: number }> {
  const bucket = new Bucket();
  for (const metric of ['a', 'z']) await bucket.backup(metric, daysAgo(1), whole);
  const store = withCounting(
    delegate(bucket.store, {
      async get(key, options) {
        if (key.startsWith('z/')) {
          while (!(await isLeft())) await sleep(5);
          await act();
        }
        return bucket.store.get(key, options);
      },
    }),
  );
  return { summary: await restoreTree(store, prefix), fetched: store.calls.get };
}

/** The points of the finest archive. */
async function pointsOf(file: string): Promise<Map<number, number>> {
  const bytes = new Uint8Array(await readFile(file));
  const [archive] = parseHeader(bytes).archives;
  assert.ok(archive);
  const ring = new Ring(bytes, archive);
  const slots = Array.from({ length: archive.points }, (_, i) => i).filter((i) => ring.isPointAt(i));
  return new Map(slots.map((i) => [ring.timestampAt(i), ring.valueAt(i)]));
}

async function lacking(file: string): Promise<number[]> {
  const points = await pointsOf(file);
  return minutes(NOW, 50, (i) => i)
    .map(({ timestamp }) => timestamp)
    .filter((timestamp) => !points.has(timestamp));
}

describe('restore, at its end,', () => {
  it('fills a file that was recreated over the restored one, and keeps new points', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('a.wsp');
    await using creating = await startPausing('create', file, RETENTIONS);
    const { summary } = await restoring(
      scratch.path,
      async () => existsSync(file),
      async () => {
        await creating.goOn();
        assert.ok((await lacking(file)).length > 40, 'it was created anew');
      },
    );
    assert.deepEqual(summary.failed, []);
    assert.deepEqual([summary.counts['restored'], summary.counts['refilled']], [2, 1]);
    assert.deepEqual(codesOf(summary.notes), { a: 'REFILLED' });
    assert.deepEqual(await lacking(file), []);
    assert.ok([...(await pointsOf(file)).values()].includes(42));
  });

  it('fills a file that whisper-resize replaced by a copy from before the fill', async () => {
    await using scratch = await createScratch();
    const file = await plant(scratch.path, 'a.wsp', half);
    await using resizing = await startPausing('resize', file, RETENTIONS);
    const { summary } = await restoring(
      scratch.path,
      async () => (await lacking(file)).length === 0,
      async () => {
        await resizing.goOn();
        // It writes coarse points into the finest archive as well: one may be of a minute that was lacking.
        assert.ok((await lacking(file)).length > 35, 'it was replaced');
      },
    );
    assert.deepEqual(summary.failed, []);
    const { restored, backfilled, refilled } = summary.counts;
    assert.deepEqual([restored, backfilled, refilled], [1, 1, 1]);
    assert.deepEqual(await lacking(file), []);
  });

  it('restores a file again that was removed', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('a.wsp');
    const { summary } = await restoring(
      scratch.path,
      async () => existsSync(file),
      () => rm(file),
    );
    assert.deepEqual([summary.counts['restored'], summary.counts['refilled']], [2, 1]);
    assert.deepEqual(new Uint8Array(await readFile(file)), whole);
  });

  it('does not fetch a file again because carbon updates it', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('a.wsp');
    const { summary, fetched } = await restoring(
      scratch.path,
      async () => existsSync(file),
      async () => {
        const bytes = new Uint8Array(await readFile(file));
        updateMany(bytes, [{ timestamp: NOW + 60, value: 1 }], { now: NOW + 60 });
        await writeFile(file, bytes);
      },
    );
    assert.deepEqual([summary.counts['refilled'], summary.counts['failed'], fetched], [0, 0, 2]);
  });

  it('counts a file as failed that it cannot fill again, with the reason', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('a.wsp');
    const { summary } = await restoring(
      scratch.path,
      async () => existsSync(file),
      async () => {
        await writeFile(file, '');
        await utimes(file, 1, 1);
      },
    );
    assert.deepEqual([summary.counts['restored'], summary.counts['failed']], [1, 1]);
    assert.deepEqual(codesOf(summary.failed), { a: 'LOCAL_DAMAGED' });
    assert.match(summary.failed[0]?.reason ?? '', /emptied, .*after it was restored: .*a\.wsp: it has 0 bytes/);
  });
});

describe('rechecks', () => {
  const trace = { inode: '1:2', mtimeMs: 3, landmarks: [] };
  const backup = {
    kind: 'single',
    time: daysAgo(1),
    algorithm: 'gz',
    object: { key: 'k', size: 1, modified: daysAgo(1) },
  } as const;

  function published(metric: string): PublishedFile {
    return { metric, path: metric, backup, outcome: 'restored', trace, again: 0 };
  }

  it('report a file as failed that is undone each time', async () => {
    const tally = new Tally([]);
    let times = 0;
    const undone: string[] = [];
    const rechecks = new Rechecks({
      tally,
      recheck: async (files) => files.map(() => true),
      publish: async (files) => files.map((): Published => ({ outcome: 'restored', bytes: ++times, trace })),
      onFailed: ({ metric }) => undone.push(metric),
      signal: new AbortController().signal,
      afterMs: 0,
      concurrency: 1,
    });
    await rechecks.add([published('a')]);
    await rechecks.finish();
    const { counts, failed } = tally.finish({ command: 'restore', store: '', dryRun: false });
    assert.deepEqual(codesOf(failed), { a: 'REPLACED' });
    assert.deepEqual([counts['refilled'], times, undone], [1, 6, ['a']]);
  });

  it('check the oldest files early if the queue is full', async () => {
    const looked: string[] = [];
    const rechecks = new Rechecks({
      tally: new Tally([]),
      recheck: async (files) => files.map(({ metric }) => looked.push(metric) === 0),
      publish: async () => [],
      onFailed() {},
      signal: new AbortController().signal,
      afterMs: 0,
      concurrency: 1,
      maxBytes: 500,
    });
    for (let i = 0; i < 20; i++) await rechecks.add([published(`m${i}`)]);
    const early = looked.length;
    assert.ok(early > 10 && early < 20, `${early} were looked at early`);
    await rechecks.finish();
    assert.deepEqual(
      looked,
      Array.from({ length: 20 }, (_, i) => `m${i}`),
    );
  });

  it('keep 100,000 files in less than 20 MB, unchanged', () => {
    const files = new PublishedFiles();
    const of = (i: number) =>
      Array.from({ length: 64 }, (_, j) => ({
        ...published(`servers.web${i % 100}.cpu.${i}.${j}`),
        trace: {
          inode: `64512:${i * 64 + j}`,
          mtimeMs: 1e12 + i,
          landmarks: [
            { offset: i * 12, timestamp: NOW + i },
            { offset: i * 24, timestamp: NOW + j },
          ],
        },
      }));
    for (let i = 0; i < 1600; i++) files.add(of(i));
    assert.ok(files.bytes < 2e7, `${files.bytes} bytes`);
    assert.deepEqual(files.take(), of(0));
    assert.equal(files.isFull, false);
  });

  it('take no more memory than they count, in small batches too', () => {
    const files = new PublishedFiles();
    collectGarbage();
    const before = process.memoryUsage().external;
    for (let i = 0; i < 4000; i++) files.add([published(`servers.web${i}.cpu`)]);
    collectGarbage();
    const held = process.memoryUsage().external - before;
    assert.equal(files.batches, 4000);
    // 1 MB. Each batch held the memory into which it was compressed: 32 MB, on Deno 65.
    assert.ok(held < 1e7, `${held} bytes for ${files.bytes}`);
  });
});
