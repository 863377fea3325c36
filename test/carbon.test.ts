import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { silent } from '../lib/common/report.ts';
import { backup } from '../lib/operations/backup/backup.ts';
import { restore } from '../lib/operations/restore/restore.ts';
import { list } from '../lib/operations/views/list.ts';
import { createDiskStore } from '../lib/store/drivers/disk/disk.ts';
import { parseHeader } from '../lib/whisper/header.ts';
import { startCarbon } from './servers/carbon.ts';
import { fetchPoints } from './whisper/fetch.ts';

const METRICS = Array.from({ length: 40 }, (_, i) => `live.host${i % 4}.metric${i}`);

test('a tree that carbon-cache writes to is backed up, partly deleted, and restored with every point', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'carbon-'));
  const carbon = await startCarbon(directory, { retentions: '1s:1h,10s:6h' });
  try {
    const store = createDiskStore({ path: join(directory, 'bucket') });
    const options = { prefix: carbon.prefix, report: silent, machine: { id: 'carbon', host: 'carbon' } };
    const sent = new Map<string, Map<number, number>>(METRICS.map((metric) => [metric, new Map()]));
    let writing = true;
    const writer = (async () => {
      for (let round = 0; writing; round++) {
        const timestamp = Math.floor(Date.now() / 1000);
        const points = METRICS.map((metric, i) => ({ metric, timestamp, value: round * 100 + i }));
        for (const { metric, value } of points) sent.get(metric)?.set(timestamp, value);
        await carbon.send(points);
        await sleep(1000 - (Date.now() % 1000) + 5);
      }
    })();
    await until(() => METRICS.every((metric) => existsSync(fileOf(carbon.prefix, metric))), 30);

    let backedUp = new Map<string, number>();
    for (let run = 0; run < 3; run++) {
      await sleep(1500);
      backedUp = new Map();
      for (const metric of METRICS) backedUp.set(metric, await newest(fileOf(carbon.prefix, metric)));
      const summary = await backup(store, options);
      assert.deepEqual(summary.failed, []);
      assert.equal(summary.counts['metrics'], METRICS.length);
    }
    for await (const listed of list(store, { report: silent }))
      parseHeader(gunzipSync(await readFile(join(directory, 'bucket', listed.key))));

    // Half of the hosts are deleted, while carbon continues and recreates the files.
    const lost = METRICS.filter((_, i) => i % 4 < 2);
    for (const metric of lost) await rm(fileOf(carbon.prefix, metric), { force: true });
    await until(() => lost.some((metric) => existsSync(fileOf(carbon.prefix, metric))), 30);
    const summary = await restore(store, options);
    assert.deepEqual(summary.failed, []);
    assert.equal((summary.counts['restored'] ?? 0) + (summary.counts['backfilled'] ?? 0) > 0, true);
    await sleep(2500);
    writing = false;
    await writer;
    await until(async () => {
      for (const [metric, points] of sent)
        if ((await newest(fileOf(carbon.prefix, metric))) < Math.max(...points.keys())) return false;
      return true;
    }, 30);
    await carbon.stop();

    // Carbon may lose points of the second in which it recreates a file, but no other points may be lost.
    const now = Math.floor(Date.now() / 1000);
    for (const metric of METRICS) {
      const bytes = new Uint8Array(await readFile(fileOf(carbon.prefix, metric)));
      const series = fetchPoints(bytes, { from: now - 3000, until: now, now });
      assert.ok(series);
      for (const [timestamp, value] of sent.get(metric) ?? []) {
        if (lost.includes(metric) && timestamp > (backedUp.get(metric) ?? 0)) continue;
        const found: number | undefined = series.values[(timestamp - series.from) / series.step];
        assert.equal(found, value, `${metric} at ${timestamp}`);
      }
    }
  } finally {
    await carbon.stop();
    await rm(directory, { recursive: true, force: true });
  }
});

/** The timestamp of the newest point in a file, in seconds. */
async function newest(file: string): Promise<number> {
  const now = Math.floor(Date.now() / 1000);
  const series = fetchPoints(new Uint8Array(await readFile(file)), { from: now - 3000, until: now, now });
  assert.ok(series);
  return series.from + series.values.findLastIndex((value) => value !== undefined) * series.step;
}

function fileOf(prefix: string, metric: string): string {
  return join(prefix, `${metric.replaceAll('.', '/')}.wsp`);
}

async function until(condition: () => boolean | Promise<boolean>, seconds: number): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `not within ${seconds} s: ${condition}`);
    await sleep(50);
  }
}
