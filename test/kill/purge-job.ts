import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import pMap from 'p-map';
import { backupKey } from '../../lib/bucket/layout.ts';
import { sha1Of } from '../fixtures/python-bucket.ts';
import { digestOf } from './digest.ts';
import { type Ground, metricFiles, nameOf } from './ground.ts';
import type { Job } from './job.ts';
import { readWhole, writeWhole } from './tree.ts';

const THEN = '2026-11-01T03:14:15+00:00';

/** Two thirds of the bucket's metrics are gone from the tree: they get tombstones, or are purged at once, pairs among them. */
export async function purgeJob(ground: Ground, metrics: number): Promise<Job> {
  const all = metricFiles(metrics);
  const there = new Map([...all].filter((_, i) => i % 3 === 0));
  await writeWhole(ground.prefix, there);
  await ground.backUp();
  const kept = new Set(await ground.keys());
  /** What is gone, by key: all that may be purged. */
  const gone = new Map<string, Uint8Array>();
  for (const [i, [name, bytes]] of [...all].entries()) {
    if (there.has(name)) continue;
    const body = gzipSync(bytes);
    const path = name.replace(/\.wsp$/, '');
    gone.set(backupKey('', path, THEN, sha1Of(bytes), 'gz'), body);
    if (i % 4 > 0) continue;
    gone.set(`${nameOf(name)}/2026-10-31T03:14:15+00:00.wsp.gz`, body);
    gone.set(`${nameOf(name)}/2026-10-31T03:14:15+00:00.sha1`, new TextEncoder().encode(sha1Of(bytes)));
  }

  const finishingArgs = () => ground.args('purge', '-x', '0', '--purge-share', '100');
  return {
    command: 'purge',
    args: () => (ground.random() < 0.5 ? finishingArgs() : ground.args('purge', '--purge-share', '100')),
    finishingArgs,
    env: ground.env,
    lockfile: ground.lockfile,
    async prepare() {
      const found = new Set(await ground.settledKeys());
      await ground.store.delete([...found].filter((key) => key.endsWith('.gone')));
      const missing = [...gone].filter(([key]) => !found.has(key));
      await pMap(missing, ([key, body]) => ground.store.put(key, body), { concurrency: 16 });
    },
    async state() {
      return digestOf(await ground.keys());
    },
    async hold() {
      const { files, left } = await readWhole(ground.prefix);
      assert.deepEqual([files, left], [there, []]);
      const found = new Set(await ground.keys());
      for (const key of kept) assert.ok(found.has(key), `${key} is there`);
      for (const key of found) {
        const isTombstone = /\/[^/]+\.gone$/.test(key) && [...gone.keys()].some((other) => sameMetric(other, key));
        assert.ok(kept.has(key) || gone.has(key) || isTombstone, `nobody knows what ${key} is`);
      }
      await ground.verify({ readData: false });
    },
    async holdThoroughly() {
      await ground.verify({ readData: true });
    },
    leftovers: () => ground.bucketLeftovers(),
    async purge() {
      // It is one.
    },
    async done() {
      assert.deepEqual((await ground.keys()).toSorted(), [...kept].toSorted());
    },
  };
}

function sameMetric(a: string, b: string): boolean {
  return a.slice(0, a.indexOf('/')) === b.slice(0, b.indexOf('/'));
}
