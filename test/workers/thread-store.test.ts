import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { silent } from '../../lib/common/report.ts';
import { createBandwidth } from '../../lib/store/decorators/bandwidth.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { createNoopStore } from '../../lib/store/drivers/noop.ts';
import type { StoreSpec } from '../../lib/store/spec.ts';
import type { ObjectStore, StoredObject } from '../../lib/store/store.ts';
import { WorkerPool, type WorkerPoolOptions } from '../../lib/workers/pool.ts';
import { SharedBudget } from '../../lib/workers/shared-budget.ts';
import type { RestoreRules } from '../../lib/workers/tasks/restore-files.ts';
import type { StoredFile } from '../../lib/workers/tasks/store-files.ts';
import { metricFile, plantMetric, plantMetrics } from '../fixtures/metric.ts';
import { backUp, listAll, restoreTree } from '../fixtures/operations.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';

function disk(path: string, more: Partial<StoreSpec> = {}): StoreSpec {
  return { place: { kind: 'disk', options: { path } }, concurrency: 4, ...more };
}

const noop: StoreSpec = { place: { kind: 'noop' }, concurrency: 4 };

/** A bucket of S3 at a server of the test's own. */
function s3(port: number): StoreSpec {
  const options = { endpoint: `http://127.0.0.1:${port}`, accessKeyId: 'user', secretAccessKey: 'key' };
  return { place: { kind: 's3', options: { bucket: 'b', ...options } }, concurrency: 4 };
}

async function serve(answer: RequestListener): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port, // It listens on TCP.
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** @param store what the calling thread uses; unlike that of threads it holds nothing by default. */
async function withPool<T>(
  options: Partial<WorkerPoolOptions>,
  task: (pool: WorkerPool) => Promise<T>,
  store: ObjectStore = createNoopStore(),
): Promise<T> {
  const pool = new WorkerPool({ processes: 1, report: silent, ...options }, store);
  try {
    return await task(pool);
  } finally {
    await pool.close();
  }
}

/** Stores one file as `a/b`. */
async function storeOne(pool: WorkerPool, file: string): Promise<StoredFile> {
  const locks = { flock: true, fileLockTimeout: 5 };
  const rules = { ...locks, includeDamaged: false, format: {}, layout: 'native', root: '' } as const;
  const [result] = await pool.run('storeFiles', { files: [{ file, path: 'a/b' }], rules });
  return result ?? assert.fail('no result');
}

async function objectsOf(store: ObjectStore): Promise<StoredObject[]> {
  const all: StoredObject[] = [];
  await store.open({ create: true });
  for await (const object of store.list()) all.push(object);
  return all;
}

describe('a worker thread with its own store', () => {
  it('stores a file whole', async () => {
    await using scratch = await createScratch();
    const threadStore = disk(await scratch.directory('bucket'));
    await storesWhole(scratch, (task) => withPool({ threadStore }, task));
  });

  for (const options of [{ processes: 0, threadStore: noop }, { processes: 2 }])
    it(`leaves that to the calling thread and its store, with ${Object.keys(options)}`, async () => {
      await using scratch = await createScratch();
      const store = createDiskStore({ path: await scratch.directory('bucket') });
      await storesWhole(scratch, (task) => withPool(options, task, store));
      await store.close();
    });

  async function storesWhole(
    scratch: Scratch,
    withTheirPool: (task: (pool: WorkerPool) => Promise<StoredFile>) => Promise<StoredFile>,
  ): Promise<void> {
    const file = await plantMetric(scratch.path, 'a/b');
    const result = await withTheirPool((pool) => storeOne(pool, file));
    const store = createDiskStore({ path: scratch.at('bucket') });
    assert.equal(result.outcome, 'stored');
    const [object] = await objectsOf(store);
    assert.equal(result.outcome === 'stored' && result.backup.object.key, object?.key);
    const body = await store.get(object?.key ?? '', { maxBytes: 1e6 });
    assert.deepEqual(new Uint8Array(gunzipSync(body)), metricFile(1));
    await store.close();
  }

  it('restores a backup', async () => {
    await using scratch = await createScratch();
    const file = await plantMetric(scratch.path, 'a/b');
    const spec = disk(await scratch.directory('bucket'));
    const locks = { flock: true, fileLockTimeout: 5 };
    const choices = { overwrite: false, replaceDamaged: false, dryRun: false };
    const rules: RestoreRules = { ...locks, ...choices, prefix: scratch.at('new'), now: Date.now() };
    const result = await withPool({ threadStore: spec }, async (pool) => {
      const stored = await storeOne(pool, file);
      if (stored.outcome !== 'stored') assert.fail(stored.outcome);
      const backups = [{ path: 'a/b', backup: stored.backup }];
      const [brought] = await new SharedBudget(1, 1).lend((share) =>
        pool.run('restoreFiles', { backups, rules, share }),
      );
      return brought ?? assert.fail('no result');
    });
    assert.equal(result.outcome, 'restored');
    assert.ok(result.fetched > 0);
  });

  it('shares one bandwidth limit with other threads', async () => {
    await using scratch = await createScratch();
    const file = await plantMetric(scratch.path, 'a/b');
    const stored = await withPool({ threadStore: noop }, (pool) => storeOne(pool, file));
    const bytes = stored.outcome === 'stored' ? stored.backup.object.size : assert.fail(stored.outcome);
    // Alone each thread could send two at once: the second of saved-up bytes, and one that may overdraw.
    const threadStore = { ...noop, bandwidth: createBandwidth(bytes) };
    const began = performance.now();
    const storeTwo = (pool: WorkerPool) => Promise.all([storeOne(pool, file), storeOne(pool, file)]);
    const results = await Promise.all([1, 2].map(() => withPool({ threadStore }, storeTwo)));
    const seconds = (performance.now() - began) / 1000;
    assert.deepEqual(
      results.flat().map(({ outcome }) => outcome),
      ['stored', 'stored', 'stored', 'stored'],
    );
    assert.ok(seconds > 1.9, `4 bodies of 1 s each were stored in ${seconds} s`);
  });

  it('writes nothing in a dry run', async () => {
    await using scratch = await createScratch();
    const file = await plantMetric(scratch.path, 'a/b');
    const spec = disk(await scratch.directory('bucket'), { dryRun: true });
    const result = await withPool({ threadStore: spec }, (pool) => storeOne(pool, file));
    assert.equal(result.outcome, 'stored');
    assert.deepEqual(await objectsOf(createDiskStore({ path: scratch.at('bucket') })), []);
  });

  it('reports retries', async () => {
    await using scratch = await createScratch();
    const file = await plantMetric(scratch.path, 'a/b');
    let requests = 0;
    await using server = await serve((request, response) => {
      request.resume().on('end', () => response.writeHead(++requests === 1 ? 503 : 200).end());
    });
    const warnings: string[] = [];
    const report = { ...silent, log: (_: string, warning: string) => warnings.push(warning) };
    const result = await withPool({ threadStore: s3(server.port), report }, (pool) => storeOne(pool, file));
    assert.equal(result.outcome, 'stored', JSON.stringify(result));
    assert.equal(warnings.length, 2);
    assert.match(warnings[1] ?? '', /answers again/);
    assert.match(warnings[0] ?? '', /^Cannot store "a\.b\/.*503.*: trying again until 2/);
  });

  it('cleans up uploads that are aborted when the run is stopped', async () => {
    await using scratch = await createScratch();
    const names = Array.from({ length: 600 }, (_, i) => `m${i}`);
    await plantMetrics(scratch.at('tree'), names);
    const bucket = await scratch.directory('bucket');
    const rules = {
      flock: true,
      fileLockTimeout: 5,
      includeDamaged: false,
      format: {},
      layout: 'native',
      root: '',
    } as const;
    const files = names.map((path) => ({ file: scratch.at('tree', `${path}.wsp`), path }));
    for (let milliseconds = 0; milliseconds < 100; milliseconds += 20) {
      const stop = new AbortController();
      const pool = new WorkerPool(
        { processes: 1, report: silent, threadStore: disk(bucket), signal: stop.signal },
        createNoopStore(),
      );
      const batches = [0, 300].map((from) => pool.run('storeFiles', { files: files.slice(from, from + 300), rules }));
      await sleep(milliseconds);
      stop.abort();
      await pool.close();
      await Promise.all(batches);
      const left = await readdir(`${bucket}/.whisper-backup/tmp`).catch(() => []);
      assert.deepEqual(left, [], `after ${milliseconds} ms`);
    }
  });

  it('aborts a hanging upload when the run is stopped', async () => {
    await using scratch = await createScratch();
    const file = await plantMetric(scratch.path, 'a/b');
    const stop = new AbortController();
    await using server = await serve(() => stop.abort());
    const began = performance.now();
    const options = { threadStore: s3(server.port), signal: stop.signal };
    const result = await withPool(options, (pool) => storeOne(pool, file));
    assert.equal(result.outcome, 'failed');
    assert.ok(performance.now() - began < 10_000);
  });
});

describe('backup and restore in such threads', () => {
  it('have the same result as in the main thread', async () => {
    await using scratch = await createScratch();
    const names = ['a', 'b/c', 'd.e'];
    await plantMetrics(scratch.at('tree'), names);
    const threadStore = disk(scratch.at('bucket'));
    const store = createDiskStore({ path: scratch.at('bucket') });
    const first = await backUp(store, scratch.at('tree'), { threadStore, processes: 2 });
    assert.deepEqual([first.counts['stored'], first.failed], [3, []]);
    const second = await backUp(store, scratch.at('tree'), { threadStore, processes: 2 });
    assert.deepEqual([second.counts['stored'], second.counts['unchanged']], [0, 3]);
    assert.deepEqual(
      (await listAll(store)).map(({ metric }) => metric),
      ['a', 'b.c', 'd%2Ee'],
    );
    const restored = await restoreTree(store, scratch.at('new'), { threadStore, processes: 2 });
    assert.deepEqual([restored.counts['restored'], restored.failed], [3, []]);
    await store.close();
  });
});

describe('a thread that dies', () => {
  it('fails only its own files, not the run', async () => {
    await using scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['a', 'b']);
    const store = createDiskStore({ path: scratch.at('bucket') });
    const auth = { method: 'v1', authUrl: 'http://127.0.0.1:1', user: 'u', key: 'k' } as const;
    const threadStore: StoreSpec = {
      place: { kind: 'swift', options: { container: 'no/name', auth } },
      concurrency: 4,
    };
    const { counts, failed } = await backUp(store, scratch.at('tree'), { threadStore, processes: 2 });
    assert.deepEqual([counts['stored'], failed.map(({ code }) => code)], [0, ['INVALID_OPTION', 'INVALID_OPTION']]);
    await backUp(store, scratch.at('tree'));
    const restored = await restoreTree(store, scratch.at('new'), { threadStore, processes: 2 });
    assert.deepEqual([restored.counts['restored'], restored.failed.length], [0, 2]);
    await store.close();
  });
});

describe('many threads that restore into an empty tree', () => {
  it('create its directories concurrently without losing files', async () => {
    await using scratch = await createScratch();
    const names = Array.from({ length: 400 }, (_, i) => `servers/web${i % 50}/group${i % 100}/deep/er/metric${i}`);
    await plantMetrics(scratch.at('tree'), names);
    const threadStore = disk(scratch.at('bucket'));
    const store = createDiskStore({ path: scratch.at('bucket') });
    await backUp(store, scratch.at('tree'), { threadStore, processes: 2 });
    for (let round = 0; round < 5; round++) {
      const { counts, failed } = await restoreTree(store, scratch.at(`new${round}`), { threadStore, processes: 4 });
      assert.deepEqual([counts['restored'], failed], [400, []]);
    }
    await store.close();
  });
});
