import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { catalog } from '../../lib/bucket/catalog.ts';
import type { StoredMetric } from '../../lib/bucket/metric.ts';
import { each } from '../../lib/common/pages.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { thisMachine } from '../../scripts/cli/host/machine.ts';
import { backUp, purgeGone, verifyAll } from '../fixtures/operations.ts';
import { whisperFile } from '../fixtures/tree.ts';
import type { Place } from './place.ts';

/** A tree and a bucket of one job, and how the program is told of them. */
export interface Ground {
  readonly prefix: string;
  readonly store: ObjectStore;
  readonly lockfile: string;
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly random: () => number;
  args(command: string, ...options: readonly string[]): readonly string[];
  /** What killed runs left in the bucket. */
  bucketLeftovers(): Promise<readonly string[]>;
  /** Every key of the bucket but those of records of runs, in order. */
  keys(): Promise<string[]>;
  /** The same once they no longer change: a server goes on with the bulk delete of a client that was killed. */
  settledKeys(): Promise<string[]>;
  /** The metrics of the bucket by name. */
  stored(): Promise<ReadonlyMap<string, StoredMetric>>;
  /** Every listed backup passes `verify`. */
  verify(options: { readonly readData: boolean }): Promise<void>;
  /** Stores the tree, in this process. */
  backUp(): Promise<void>;
  purge(): Promise<void>;
}

export async function createGround(
  directory: string,
  place: Place,
  { bucket, random }: { readonly bucket: string; readonly random: () => number },
): Promise<Ground> {
  const prefix = `${directory}/storage/whisper`;
  await mkdir(prefix, { recursive: true });
  const store = await place.open(bucket);
  const lockfile = `${directory}/lock`;
  const cacheDir = `${directory}/cache`;
  await mkdir(cacheDir, { recursive: true });
  const machine = await thisMachine();
  const files = ['--nolog', '--nostamp', '--lockfile', lockfile, '--locktimeout', '0'];
  async function keys(): Promise<string[]> {
    const found: string[] = [];
    // Records of runs come with each of them, and go by a rule of their own.
    for await (const { key } of store.list()) if (!key.startsWith('.whisper-backup/runs/')) found.push(key);
    return found;
  }
  return {
    prefix,
    store,
    lockfile,
    cacheDir,
    random,
    env: { ...place.env, WHISPER_BACKUP_NO_CACHE: 'false', WHISPER_BACKUP_CACHE_DIR: cacheDir },
    args: (command, ...options) => [
      ...['--quiet', '-f', '2', '-p', prefix, '-b', bucket, ...files, ...options],
      ...[command, ...place.storage],
    ],
    bucketLeftovers: () => place.leftovers(bucket),
    keys,
    async settledKeys() {
      let found = await keys();
      for (let before: number | undefined; place.where !== 'disk' && found.length !== before; found = await keys()) {
        before = found.length;
        await sleep(300);
      }
      return found;
    },
    async stored() {
      const found = new Map<string, StoredMetric>();
      for await (const stored of each(catalog(store, {}, { onDisorder: assert.fail, onForeign: assert.fail })))
        found.set(stored.metric, stored);
      return found;
    },
    async verify({ readData }) {
      let result = await verifyAll(store, { readData });
      // Swift's listing may still tell of an object that is deleted: its container servers learn of it a little later.
      for (let tries = 0; place.where === 'swift' && (result.damaged?.length ?? 0) > 0 && tries < 20; tries++) {
        await sleep(500);
        result = await verifyAll(store, { readData });
      }
      const { damaged, failed, counts } = result;
      assert.deepEqual([damaged, failed, counts['foreignKeys']], [[], [], 0]);
      if (readData) assert.equal(counts['read'], counts['backups']);
    },
    async backUp() {
      const { failed } = await backUp(store, prefix, { machine });
      assert.deepEqual(failed, []);
    },
    async purge() {
      const { failed, stopped } = await purgeGone(store, prefix, { machine });
      assert.deepEqual([failed, stopped], [[], undefined]);
    },
  };
}

/** Metrics by the path of their file below the prefix, some levels deep, each with points of its own. */
export function metricFiles(count: number, seed = 0): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let i = 0; i < count; i++)
    files.set(`servers/web${i % 9}/disk${i % 4}/m${i}.wsp`, whisperFile({ seed: seed + i }));
  return files;
}

export function nameOf(file: string): string {
  return file.replace(/\.wsp$/, '').replaceAll('/', '.');
}
