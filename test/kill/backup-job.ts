import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { sha1Of } from '../fixtures/python-bucket.ts';
import { digestOf } from './digest.ts';
import { type Ground, metricFiles, nameOf } from './ground.ts';
import type { Job } from './job.ts';
import { readWhole, writeWhole } from './tree.ts';

/** Each time every metric has changed, a few are gone, and others are back. Retention keeps two backups. */
export function backupJob(ground: Ground, metrics: number): Job {
  const names = [...metricFiles(metrics).keys()];
  let files = new Map<string, Uint8Array>();
  /** By metric: every content that it ever had. */
  const contents = new Map<string, Set<string>>();
  /** What a finished run has stored, which retention may not touch before there is something newer. */
  let settled: ReadonlyMap<string, string> = new Map();
  let round = 0;

  const args = () => ground.args('backup', '-r', '2');
  return {
    command: 'backup',
    args,
    finishingArgs: args,
    env: ground.env,
    lockfile: ground.lockfile,
    async prepare() {
      round++;
      files = new Map([...metricFiles(metrics, round * metrics)].filter(() => ground.random() < 0.92));
      for (const name of names) if (!files.has(name)) await rm(`${ground.prefix}/${name}`, { force: true });
      await writeWhole(ground.prefix, files);
      for (const [name, bytes] of files) {
        const known = contents.get(nameOf(name)) ?? new Set();
        contents.set(nameOf(name), known.add(sha1Of(bytes)));
      }
    },
    async state() {
      return digestOf(await ground.keys());
    },
    async hold() {
      const state = await readWhole(ground.prefix);
      assert.deepEqual([state.files, state.left], [files, []]);
      await ground.verify({ readData: false });
      const stored = await ground.stored();
      for (const [metric, { backups, leftovers, loneSha1s }] of stored) {
        for (const backup of backups) {
          assert.ok(backup.kind === 'single' && contents.get(metric)?.has(backup.sha1 ?? ''), `a state of ${metric}`);
        }
        assert.deepEqual([leftovers, loneSha1s], [[], []]);
      }
      for (const [metric, key] of settled) {
        const keys = (stored.get(metric)?.backups ?? []).map(({ object }) => object.key);
        assert.ok(
          keys.some((other) => other >= key),
          `${metric} has its backup of before, or one after it`,
        );
      }
    },
    async holdThoroughly() {
      await ground.verify({ readData: true });
    },
    async leftovers() {
      const names = await readdir(ground.cacheDir);
      for (const name of names) assert.match(name, /^[0-9a-f]{16}\.stat(\.tmp)?$/);
      const ofCache = names.filter((name) => name.endsWith('.tmp')).map((name) => `${ground.cacheDir}/${name}`);
      return [...ofCache, ...(await ground.bucketLeftovers())];
    },
    async purge() {
      // The last phase of a backup.
    },
    async done() {
      const stored = await ground.stored();
      for (const [name, bytes] of files) {
        const metric = stored.get(nameOf(name));
        const newest = metric?.backups.at(-1);
        assert.ok(newest?.kind === 'single' && newest.sha1 === sha1Of(bytes), `${name} is stored`);
        assert.deepEqual(metric?.tombstones, [], `${name} is not gone`);
        assert.ok((metric?.backups.length ?? 0) <= 2, `retention of ${name}`);
      }
      for (const [metric, { tombstones }] of stored)
        if (![...files.keys()].some((name) => nameOf(name) === metric)) assert.equal(tombstones.length, 1, metric);
      settled = new Map([...stored].map(([metric, { backups }]) => [metric, backups.at(-1)?.object.key ?? '']));
    },
  };
}
